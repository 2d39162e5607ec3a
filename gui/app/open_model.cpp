// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/open_model.h"

#include <utility>

#include "backend/core/budget.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

int number(const nlohmann::json& info, const char* key) {
  const auto found = info.find(key);
  return found != info.end() && found->is_number_integer() ? found->get<int>() : 0;
}

}  // namespace

void OpenModel::open(const std::filesystem::path& path, const Settings& bank, const std::string& device) {
  struct Found {
    nlohmann::json info;
    std::vector<CostTable> costs;
    DeviceReport device;
  };
  jobs_.start(tr("Open %1").arg(qt(path.filename().string())), QStringLiteral("open"),
              [this, &workshop = workshop_, path, bank, device](Progress& progress) -> std::function<void()> {
                auto found = std::make_shared<Found>();
                found->info = workshop.modelInfo(path);
                progress.throwIfStopped();
                found->costs = workshop.costs(path, bank, drawnContextLengths());
                progress.throwIfStopped();
                found->device = workshop.device(device);
                return [this, path, bank, found] {
                  jobs_.cancelSlot(QStringLiteral("costs"));  // of the model before
                  path_ = path;
                  costed_ = bank.json();
                  info_ = std::move(found->info);
                  costs_ = std::move(found->costs);
                  device_ = std::move(found->device);
                  Q_EMIT opened(path);
                  Q_EMIT changed();
                  QStringList lines;
                  for (const auto& line : info_.value("warnings", nlohmann::json::array())) {
                    if (line.is_string()) lines += qt(line.get<std::string>());
                  }
                  if (!lines.isEmpty()) Q_EMIT warned(lines);
                };
              });
}

void OpenModel::costWith(const Settings& bank) {
  if (!known() || bank.json() == costed_) return;
  costed_ = bank.json();
  jobs_.start(tr("Costs of the operators"), QStringLiteral("costs"),
              [this, &workshop = workshop_, path = path_, bank](Progress&) -> std::function<void()> {
                auto costs =
                    std::make_shared<std::vector<CostTable>>(workshop.costs(path, bank, drawnContextLengths()));
                return [this, costs] {
                  costs_ = std::move(*costs);
                  Q_EMIT changed();
                };
              });
}

int OpenModel::layers() const { return number(info_, "layers"); }

QString OpenModel::title() const {
  if (!known()) return {};
  const auto name = info_.find("name");
  QString text = qt(name != info_.end() && name->is_string() ? name->get<std::string>() : path_.stem().string());
  if (layers() > 0) text += tr(" · %1 layers").arg(layers());
  if (number(info_, "heads") > 0) {
    text += tr(" · %1 heads / %2 KV").arg(number(info_, "heads")).arg(number(info_, "kv_heads"));
  }
  return text;
}

}  // namespace interleave::gui
