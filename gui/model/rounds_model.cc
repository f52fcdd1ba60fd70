// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/rounds_model.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace consilium {
namespace {

QString Text(const std::string& text) { return QString::fromStdString(text); }

const FederationView::Site* OurSite(const FederationView& view) {
  const auto found = std::ranges::find(view.sites, view.our_site, &FederationView::Site::site);
  return found == view.sites.end() ? nullptr : &*found;
}

bool Sent(const FederationView::Site& site) { return site.progress == "accepted"; }

// A duration for people: "8 s", "4 min", "3 h".
QString Duration(double seconds) {
  const double s = std::max(1.0, seconds);
  if (s < 90) return RoundsModel::tr("%1 s").arg(std::lround(s));
  if (s < 5400) return RoundsModel::tr("%1 min").arg(std::lround(s / 60));
  if (s < 129600) return RoundsModel::tr("%1 h").arg(std::lround(s / 3600));
  return RoundsModel::tr("%1 days").arg(std::lround(s / 86400));
}

QString Percent(double fraction) { return RoundsModel::tr("%1 %").arg(std::lround(100 * fraction)); }

// "41 KB", "1.2 MB": decimal units; what is there is never 0.
QString Amount(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes == 0 || value >= 999'500) return RoundsModel::tr("%1 MB").arg(value / 1e6, 0, 'f', bytes == 0 ? 0 : 1);
  return RoundsModel::tr("%1 KB").arg(std::max(1L, std::lround(value / 1e3)));
}

QString Doing(const FederationView::Site& site, bool running) {
  if (!running || site.progress.empty() || site.progress == "idle") return RoundsModel::tr("-");
  if (site.progress == "ordered") return RoundsModel::tr("fetching the model");
  if (site.progress == "training") return RoundsModel::tr("training, %1").arg(Percent(site.fraction));
  if (site.progress == "uploading") return RoundsModel::tr("sending its update");
  if (site.progress == "accepted") return RoundsModel::tr("update accepted");
  if (site.progress == "rejected") return RoundsModel::tr("update refused");
  if (site.progress == "lost") return RoundsModel::tr("lost in this round");
  return Text(site.progress);
}

}  // namespace

RoundsModel::RoundsModel(Now now) : now_(std::move(now)) { headline.Set(tr("Not connected to a federation.")); }

void RoundsModel::Show(const FederationView& view) {
  const FederationView::Site* before = OurSite(view_);
  const FederationView::Site* after = OurSite(view);
  const bool was_in = before != nullptr && Sent(*before) && view_.round == view.round;
  const bool is_in = after != nullptr && Sent(*after);
  if (!is_in)
    our_update_at_ = {};
  else if (!was_in)
    our_update_at_ = before == nullptr ? QDateTime() : now_();
  view_ = view;

  headline.Set(Headline());
  detail.Set(Detail());
  rounds.Set(static_cast<int>(view.rounds));
  const bool done = view.phase == "done";
  const auto finished = static_cast<double>(view.history.size());
  progress.Set(done ? 1.0 : view.rounds > 0 ? std::min(1.0, finished / static_cast<double>(view.rounds)) : 0.0);
  std::vector<SiteRow> rows;
  for (const auto& site : view.sites) rows.push_back(RowOf(site));
  sites.Set(std::move(rows));
  curves.Set(Curves());
}

void RoundsModel::ShowLinkState(const QString& text) {
  link.Set(text);
  headline.Set(Headline());
}

QString RoundsModel::Headline() const {
  if (view_.federation.empty() && view_.run.empty())
    return link().isEmpty() ? tr("Waiting for the site node's first word.")
                            : tr("Nothing is known of the federation: there is no connection to the site node.");
  const QString name = Text(view_.federation);
  const auto connected = std::ranges::count(view_.sites, "connected", &FederationView::Site::state);
  if (view_.run.empty())
    return tr("%1: no run yet. %2 of %3 hospitals are connected.").arg(name).arg(connected).arg(view_.sites.size());
  const QString at = tr("%1, round %2 of %3").arg(name).arg(view_.round).arg(view_.rounds);
  if (view_.phase == "waiting")
    return tr("%1: waiting for enough hospitals; %2 of %3 are connected.")
        .arg(name)
        .arg(connected)
        .arg(view_.sites.size());
  if (view_.phase == "training") return at + tr(": ") + Waiting() + Expected();
  if (view_.phase == "aggregating") return at + tr(": all updates are in; the hub is combining them.");
  if (view_.phase == "finishing") return tr("%1: the last model is out; hospitals are testing it.").arg(name);
  if (view_.phase == "done")
    return tr("%1: finished after %2 rounds. Dice of the shared model %3.")
        .arg(name)
        .arg(view_.history.size())
        .arg(view_.final_dice, 0, 'f', 2);
  if (view_.phase == "failed") return tr("%1: the run failed. %2").arg(name, Text(view_.reason));
  if (view_.phase == "aborted") return tr("%1: the run was stopped. %2").arg(name, Text(view_.reason));
  return at + tr(": ") + Text(view_.phase);
}

QString RoundsModel::Waiting() const {
  const std::int64_t missing = view_.updates_asked - view_.updates_in;
  QString text = missing > 0 ? tr("waiting for %1 of %2 hospitals").arg(missing).arg(view_.updates_asked)
                             : tr("all updates are in");
  const FederationView::Site* ours = OurSite(view_);
  if (ours == nullptr) return text + ".";
  if (Sent(*ours))
    return text + (our_update_at_.isValid() ? tr("; ours sent its update at %1.").arg(our_update_at_.toString("HH:mm"))
                                            : tr("; ours has sent its update."));
  if (ours->progress == "training") return text + tr("; ours is training, %1.").arg(Percent(ours->fraction));
  if (ours->progress == "rejected") return text + tr("; our update was refused: %1.").arg(Text(ours->reason));
  return text + ".";
}

QString RoundsModel::Expected() const {
  if (view_.history.empty()) return {};
  double sum = 0;
  for (const auto& round : view_.history) sum += round.seconds;
  const double left = sum / static_cast<double>(view_.history.size()) - view_.seconds_in_round;
  if (left <= 0) return {};
  if (left < 600) return tr(" Next result in about %1.").arg(Duration(left));
  return tr(" Next result about %1.").arg(now_().addSecs(std::llround(left)).toString("HH:mm"));
}

QString RoundsModel::Detail() const {
  QStringList parts;
  if (!view_.run_name.empty()) parts << tr("Run \"%1\"").arg(Text(view_.run_name));
  if (!view_.model.empty()) parts << tr("model %1").arg(Text(view_.model));
  if (view_.bytes_up + view_.bytes_down > 0)
    parts << tr("%1 of updates sent in, %2 of models sent out, no image")
                 .arg(Amount(view_.bytes_up), Amount(view_.bytes_down));
  QString text = parts.join(tr("   ·   "));
  if (view_.our_site.empty()) return text;
  QStringList ours;
  if (!view_.hub_connected) ours << tr("no connection to the hub");
  if (!view_.activity.empty()) ours << Text(view_.activity);
  ours << (view_.cases == 1 ? tr("1 case") : tr("%1 cases").arg(view_.cases));
  if (view_.predictions_waiting > 0) ours << tr("%1 waiting to be predicted").arg(view_.predictions_waiting);
  return text + (text.isEmpty() ? QString() : tr("\n")) + tr("This hospital (%1): ").arg(Text(view_.our_site)) +
         ours.join(tr(", ")) + tr(".");
}

SiteRow RoundsModel::RowOf(const FederationView::Site& site) const {
  const bool running = view_.phase == "training" || view_.phase == "aggregating" || view_.phase == "finishing";
  SiteRow row;
  row.name = Text(site.display_name.empty() ? site.site : site.display_name);
  row.ours = site.site == view_.our_site;
  row.good =
      site.state != "suspended" && site.state != "revoked" && site.progress != "lost" && site.progress != "rejected";
  row.state = site.state == "approved" ? tr("not connected") : Text(site.state);
  row.doing = Doing(site, running);
  if (running && site.progress == "training") row.fraction = site.fraction;
  if (running && site.progress == "accepted") row.fraction = 1;
  const bool told = site.training_patients >= 0;  // a site that waits for approval has not said
  row.patients = told ? tr("%1 + %2").arg(site.training_patients).arg(site.validation_patients) : tr("-");
  row.dice = site.dice < 0 ? tr("-") : QString::number(site.dice, 'f', 2);
  if (site.state == "connected") {
    row.last_seen = tr("now");
  } else if (site.last_seen_ms > 0) {
    const double ago = static_cast<double>(now_().toMSecsSinceEpoch() - site.last_seen_ms) / 1000;
    row.last_seen = tr("%1 ago").arg(Duration(ago));
  } else {
    row.last_seen = tr("never");
  }
  row.reason = Text(site.reason);
  row.studies = Text(site.studies);
  return row;
}

std::vector<Curve> RoundsModel::Curves() const {
  Curve pooled{tr("all hospitals"), true, {}};
  std::map<std::string, Curve> by_site;
  const auto add = [&](double x, const std::vector<FederationView::SiteResult>& results) {
    for (const auto& result : results) {
      if (result.cases == 0) continue;
      Curve& curve = by_site[result.site];
      curve.name = Text(result.site);
      curve.points.push_back({x, result.dice});
    }
  };
  for (const auto& round : view_.history) {
    const auto after = static_cast<double>(round.round - 1);  // the round's Dice is its incoming model's
    pooled.points.push_back({after, round.dice});
    add(after, round.results);
  }
  if (view_.phase == "done" && !view_.history.empty()) {
    const auto last = static_cast<double>(view_.history.back().round);
    pooled.points.push_back({last, view_.final_dice});
    add(last, view_.final_results);
  }
  std::vector<Curve> all;
  for (auto& [site, curve] : by_site) all.push_back(std::move(curve));
  if (!pooled.points.empty()) all.push_back(std::move(pooled));  // last: it is painted on top
  return all;
}

}  // namespace consilium
