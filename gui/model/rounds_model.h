// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDateTime>
#include <QObject>
#include <QPointF>
#include <QString>
#include <functional>
#include <vector>

#include "gui/model/federation_view.h"
#include "gui/model/property.h"

namespace consilium {

// One hospital's line on the Rounds page.
struct SiteRow {
  QString name;
  bool ours = false;
  bool good = true;      // false: lost, rejected, suspended or revoked
  QString state;         // "connected"
  QString doing;         // "training, 41 %", "update accepted", "not in this round"
  double fraction = -1;  // of what it does now; -1: nothing measurable
  QString patients;      // "24 + 6": training and validation; "-": not said yet
  QString dice;          // last validation Dice; "-" if none
  QString last_seen;     // "now", "2 min ago"
  QString reason;        // of a rejection or suspension
  QString studies;       // "2 quarantined (1 label, 1 no-suv)"; empty: not said
  friend bool operator==(const SiteRow&, const SiteRow&) = default;
};

// Dice (y) of the global model after each round (x; 0 is the first, untrained model).
struct Curve {
  QString name;
  bool pooled = false;  // over all hospitals; the others are one hospital's own patients
  std::vector<QPointF> points;
  friend bool operator==(const Curve&, const Curve&) = default;
};

// The presenter of the Rounds page: what the site node pushes, in words for a clinician. Qt thread only.
class RoundsModel : public QObject {
  Q_OBJECT
 public:
  using Now = std::function<QDateTime()>;
  explicit RoundsModel(Now now = [] { return QDateTime::currentDateTime(); });

  void Show(const FederationView& view);
  void ShowLinkState(const QString& text);  // "Not connected; trying again", or empty

  Property<QString> headline;      // "Sarcoma Network, round 12 of 40: waiting for 1 of 4 hospitals; ours sent its ..."
  Property<QString> detail;        // of the run and our own site
  Property<QString> link;          // empty while all is well
  Property<double> progress{0.0};  // of the run, 0 to 1
  Property<std::vector<SiteRow>> sites;
  Property<std::vector<Curve>> curves;
  Property<int> rounds{0};  // planned
  const FederationView& view() const { return view_; }

 private:
  QString Headline() const;
  QString Waiting() const;
  QString Expected() const;
  QString Detail() const;
  SiteRow RowOf(const FederationView::Site& site) const;
  std::vector<Curve> Curves() const;

  Now now_;
  FederationView view_;
  QDateTime our_update_at_;  // when ours was seen to be in; invalid: it was in before we looked, or is not in
};

}  // namespace consilium
