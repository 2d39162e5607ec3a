// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/preparation.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "gui/style/format.h"

namespace interleave::gui {

bool Preparation::running() const { return jobs_.running(QStringLiteral("prepare")); }

void Preparation::start(const RunSpec& spec, const Settings& bank_settings) {
  record_ = std::make_shared<RunRecord>();
  record_->spec = spec;
  record_->spec.title = tr("candidates").toStdString();
  mailbox_ = std::make_shared<Mailbox>();
  run_.show(record_);
  jobs_.start(tr("Prepare candidates"), QStringLiteral("prepare"),
              [&workshop = workshop_, this, mailbox = mailbox_, spec,
               bank_settings](Progress& progress) -> std::function<void()> {
                const nlohmann::json card = workshop.prepareCandidates(
                    spec.model_path, spec.bank_dir, bank_settings, spec.chat(), spec.seed, spec.device,
                    [&](const AlignmentEvent& event) { mailbox->onEvent(event); }, progress);
                return [this, prompts = card.value("chat", std::string())] {
                  Q_EMIT done(prompts.empty() ? tr("candidates are ready")
                                              : tr("candidates are ready; prompts: %1").arg(qt(prompts)));
                };
              });
}

void Preparation::drain() {
  if (!mailbox_) return;
  MailboxContents contents = mailbox_->take();
  if (contents.empty()) return;
  record_->take(std::move(contents));
  if (run_.shared() == record_) run_.recordChanged();
}

}  // namespace interleave::gui
