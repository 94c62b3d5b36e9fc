// The page's own words.

const zh = {
  connecting: "连接中",
  live: "实时",
  lost: "重新连接中",
  ended: "作业已结束",
  failed: "作业失败",
  epoch: "纪元",
  rate: "次更新/秒",
  total: "合计",
  other: "其他",
  waiting: "等待数据",
  overflow: "数据过多，仅显示部分",
  low: "低",
  high: "高",
};

const en: typeof zh = {
  connecting: "Connecting",
  live: "Live",
  lost: "Reconnecting",
  ended: "Job ended",
  failed: "Job failed",
  epoch: "Epoch",
  rate: "updates/s",
  total: "Total",
  other: "Other",
  waiting: "Waiting for data",
  overflow: "Too many keys: not all are shown",
  low: "Low",
  high: "High",
};

export type Words = typeof zh;

/** Words of a locale. */
export function words(locale: string): Words {
  return locale === "en" ? en : zh;
}
