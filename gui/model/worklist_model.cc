// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/worklist_model.h"

#include <algorithm>

namespace consilium {
namespace {

// A DICOM person name for people (PS3.5 6.2, PN): "Phantom^Paula^^Dr" is "Phantom, Paula, Dr". Only the first way of
// writing it, which '=' ends. Other text stays as it is.
QString PersonName(const QString& text) {
  if (!text.contains('^')) return text;
  QStringList parts = text.section('=', 0, 0).split('^', Qt::SkipEmptyParts);
  for (QString& part : parts) part = part.trimmed();
  return parts.join(", ");
}

}  // namespace

void WorklistModel::Show(const std::vector<CaseItem>& items) {
  const auto find = [](const std::vector<CaseItem>& all, const std::string& id) -> const CaseItem* {
    const auto found = std::ranges::find(all, id, &CaseItem::id);
    return found == all.end() ? nullptr : &*found;
  };
  const CaseItem* before = find(cases(), open());
  const std::string model_before = before == nullptr ? std::string() : before->model;
  cases.Set(items);
  const CaseItem* now = find(items, open());
  if (now == nullptr)
    open.Set(items.empty() ? std::string() : items.front().id);
  else if (before != nullptr && now->model != model_before)
    Q_EMIT PredictionChanged(now->id);
}

void WorklistModel::ShowStudies(const StudyCounts& studies) {
  if (studies.studies == 0) return;  // not said; a folder says itself what it left out
  const QString text = tr("%1 studies, %2").arg(studies.studies).arg(QString::fromStdString(studies.Text()));
  left_out.Set(studies.quarantined == 0 ? QString() : text);
}

void WorklistModel::Open(const std::string& id) {
  if (std::ranges::find(cases(), id, &CaseItem::id) != cases().end()) open.Set(id);
}

void WorklistModel::Step(int by) {
  const auto found = std::ranges::find(cases(), open(), &CaseItem::id);
  if (found == cases().end()) return;
  const auto at = std::clamp<std::ptrdiff_t>(found - cases().begin() + by, 0, std::ssize(cases()) - 1);
  open.Set(cases()[static_cast<std::size_t>(at)].id);
}

QString WorklistModel::Title(const CaseItem& item) {
  const QString person = PersonName(QString::fromStdString(item.patient));
  const QString name = person.isEmpty() ? QString::fromStdString(item.id) : person;
  if (item.study_date.size() != 8) return name;
  const QString date = QString::fromStdString(item.study_date);
  return name + "\n" + date.left(4) + "-" + date.mid(4, 2) + "-" + date.right(2);
}

QString WorklistModel::Finding(const CaseItem& item) {
  if (!item.has_prediction) return item.has_reference ? tr("no prediction, contour drawn") : tr("no prediction yet");
  if (item.lesions < 0) return tr("predicted; open to count");
  QString text = item.lesions == 0   ? tr("no lesion found")
                 : item.lesions == 1 ? tr("1 lesion, %1 ml").arg(item.volume_ml, 0, 'f', 1)
                                     : tr("%1 lesions, %2 ml").arg(item.lesions).arg(item.volume_ml, 0, 'f', 1);
  if (item.dice >= 0) text += tr(", Dice %1").arg(item.dice, 0, 'f', 2);
  return text;
}

}  // namespace consilium
