// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "imaging/dicom/file_header.h"
#include "imaging/dicom/series_reader.h"

// What ScanFolder, ReadSeries and LoadSeries have in common; of no use outside imaging/dicom.
namespace consilium {

// The headers of all files, sorted into series.
SeriesScan SortIntoSeries(std::vector<FileHeader> headers);

// The only series of a scan of `place`. Throws as ReadSeries.
Series TheOnlySeries(SeriesScan scan, const std::string& place);

}  // namespace consilium
