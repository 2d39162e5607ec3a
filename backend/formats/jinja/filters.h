// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/formats/jinja/builtin.h"

/// Jinja's filters, by what they work on. The table of their names is in filters.cpp.
namespace interleave::jinja {

using Filter = Value(Call&);

/// What is filtered as it is printed, Markup still Markup; counts what that costs.
Value printed(Call& call);

// Texts.
Filter filterCapitalize, filterCenter, filterFormat, filterIndent, filterLower, filterReplace, filterTitle, filterTrim,
    filterTruncate, filterUpper, filterWordcount, filterWordwrap;
// HTML.
Filter filterEscape, filterForceescape, filterSafe, filterStriptags, filterUrlencode, filterXmlattr;
// Numbers.
Filter filterAbs, filterFilesizeformat, filterFloat, filterInt, filterRound;
// Lists and mappings.
Filter filterBatch, filterDictsort, filterFirst, filterGroupby, filterItems, filterJoin, filterLast, filterLength,
    filterList, filterMap, filterMax, filterMin, filterReject, filterRejectattr, filterReverse, filterSelect,
    filterSelectattr, filterSlice, filterSort, filterSum, filterUnique;
// Anything.
Filter filterAttr, filterDefault, filterPprint, filterString, filterTojson;

}  // namespace interleave::jinja
