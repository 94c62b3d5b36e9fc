// Names under which data may know a region of China.

/** English names by the Chinese name that the map uses. */
const ENGLISH: Record<string, string> = {
  北京: "Beijing", 天津: "Tianjin", 河北: "Hebei", 山西: "Shanxi", 内蒙古: "Inner Mongolia", 辽宁: "Liaoning",
  吉林: "Jilin", 黑龙江: "Heilongjiang", 上海: "Shanghai", 江苏: "Jiangsu", 浙江: "Zhejiang", 安徽: "Anhui",
  福建: "Fujian", 江西: "Jiangxi", 山东: "Shandong", 河南: "Henan", 湖北: "Hubei", 湖南: "Hunan", 广东: "Guangdong",
  广西: "Guangxi", 海南: "Hainan", 重庆: "Chongqing", 四川: "Sichuan", 贵州: "Guizhou", 云南: "Yunnan", 西藏: "Tibet",
  陕西: "Shaanxi", 甘肃: "Gansu", 青海: "Qinghai", 宁夏: "Ningxia", 新疆: "Xinjiang", 台湾: "Taiwan",
  香港: "Hong Kong", 澳门: "Macao",
};

const SUFFIX = /(特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|省|市)$/;

export interface Region {
  name: string;
  /** Administrative code, such as 440000. */
  code: string;
  /** Longitude and latitude of the capital. */
  capital: [number, number];
}

/** Finds regions by Chinese name (short or full), English name, or administrative code. */
export class Regions {
  private readonly by = new Map<string, Region>();

  constructor(
    readonly all: Region[],
    private readonly locale: string,
  ) {
    for (const region of all) {
      for (const name of [region.name, region.code, region.code.slice(0, 2), ENGLISH[region.name]?.toLowerCase()]) {
        if (name) this.by.set(name, region);
      }
    }
    const more: [string, string][] = [["xizang", "西藏"], ["macau", "澳门"], ["nei mongol", "内蒙古"]];
    for (const [other, name] of more) {
      const region = this.by.get(name);
      if (region) this.by.set(other, region);
    }
  }

  find(name: string): Region | undefined {
    return this.by.get(name) ?? this.by.get(name.replace(SUFFIX, "")) ?? this.by.get(name.toLowerCase());
  }

  /** The name in the screen's language. */
  title(region: Region): string {
    return this.locale === "en" ? (ENGLISH[region.name] ?? region.name) : region.name;
  }
}
