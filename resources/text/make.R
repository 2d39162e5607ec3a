# SPDX-License-Identifier: GPL-3.0-or-later
# Makes calibration.txt and heldout.txt from Debian's package r-cran-janeaustenr:  Rscript resources/text/make.R
# One paragraph a line, an empty line between paragraphs; titles, chapter headings and emphasis marks are left out.
paragraphs <- function(name) {
  lines <- janeaustenr::austen_books()
  lines <- trimws(as.character(lines$text[lines$book == name]))
  lines <- lines[seq(grep("^chapter 1$", lines, ignore.case = TRUE)[1], length(lines))]
  furniture <- "^(chapter [0-9]+|volume [ivx]+|the end|finis)\\.?$|^\\[at this point|^\\*( +\\*)+$"
  lines[grepl(furniture, lines, ignore.case = TRUE)] <- ""
  joined <- tapply(lines, cumsum(lines == ""), function(part) paste(part[part != ""], collapse = " "))
  joined <- gsub("[[:space:]]+", " ", gsub("_", "", joined))
  joined[nchar(joined) > 0]
}
write <- function(text, file) writeLines(paste(text, collapse = "\n\n"), file, useBytes = TRUE)

folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
write(c(paragraphs("Sense & Sensibility"), paragraphs("Pride & Prejudice")), file.path(folder, "calibration.txt"))
persuasion <- paragraphs("Persuasion")
write(persuasion[cumsum(nchar(persuasion)) < 250000], file.path(folder, "heldout.txt"))
