// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <vector>

#include "gui/model/case_content.h"
#include "gui/model/federation_view.h"

namespace consilium {

// Where cases come from: a site node or a folder. It works in threads of its own; all calls and all signals are in the
// Qt thread.
class CaseSource : public QObject {
  Q_OBJECT
 public:
  virtual void Start() = 0;
  // The case's content, then its voxels slab by slab, the cursor's slice first. A case still loading is given up.
  virtual void OpenCase(const std::string& id) = 0;

 Q_SIGNALS:
  void FederationChanged(const consilium::FederationView& view);
  void CasesChanged(const std::vector<consilium::CaseItem>& cases);
  void CaseOpened(const std::shared_ptr<const consilium::CaseContent>& content);
  void SlabArrived(const std::shared_ptr<const consilium::Slab>& slab);
  void LeftOut(const QString& text);                    // what could not be used and why, in lines
  void LinkChanged(const consilium::Trouble& trouble);  // the line to the source; no words: all is well
  void Failed(const consilium::Trouble& trouble);
};

}  // namespace consilium
