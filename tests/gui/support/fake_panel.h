// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/reader_file.h"
#include "proto/panel.pb.h"
#include "tests/gui/support/synthetic_case.h"

namespace consilium {

// A site node's panel in this process, over mutual TLS on a free port of the loopback. Any thread.
class FakePanel {
 public:
  explicit FakePanel(SyntheticCase patient);
  ~FakePanel();

  ReaderFile Reader() const;
  ReaderFile ForeignReader() const;  // its certificate is of another authority
  void Push(const v1::PanelState& state);
  void SetPrediction(bool there);            // of the only case
  void HoldImagesAfter(std::int64_t slabs);  // stops sending until Release()
  void Release();
  std::vector<std::int64_t> SentSlices() const;  // first slice of each slab, in order
  void RemoveReader();                           // refuses in a site node's words, open streams too
  void SetMute(bool mute);                       // takes calls and never says a word
  void CutLines();                               // ends every open stream; the port stays

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Round `done` of `rounds` is over, north trains, three hospitals.
v1::PanelState ExampleState(int done, int rounds);

}  // namespace consilium
