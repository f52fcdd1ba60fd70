// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "core/base/reader_file.h"
#include "gui/model/case_source.h"

namespace consilium {

// The desktop's line to a site node's panel, over mutual TLS. One thread follows the pushed state, another fetches
// cases; both hand over to the Qt thread by queued calls. A cut line is made again by itself, and what was asked for
// is asked again. A site node that says nothing at all for `first_word` counts as one that does not answer.
// Destruction cancels every call and joins both threads.
class SiteLink : public CaseSource {
  Q_OBJECT
 public:
  explicit SiteLink(ReaderFile reader, std::chrono::milliseconds first_word = std::chrono::seconds(7));
  ~SiteLink() override;

  void Start() override;
  void OpenCase(const std::string& id) override;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace consilium
