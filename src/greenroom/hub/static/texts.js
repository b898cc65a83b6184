// The texts of the page, from one catalogue file for each language.
let texts = {};
export let language = "en";

export const choose = (wanted) => {
  const offered = document.body.dataset.languages.split(" ");
  const asked = [wanted, ...navigator.languages].filter(Boolean).map((one) => one.toLowerCase().split("-")[0]);
  return asked.find((one) => offered.includes(one)) || "en";
};

const read = async (path) => {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new TypeError(`${path}: ${answer.status}`);
  return answer.json();
};

export const load = async (wanted) => {
  language = choose(wanted);
  texts = await read(`texts/${language}.json`);
  document.documentElement.lang = language;
};

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const common = () => ({ vendor: document.body.dataset.vendor });

export const t = (key, values = {}) => fill(texts[key] ?? key, { ...common(), ...values });

// Loads the steps that the customer takes at one ATS, from its connector.
export const loadGuide = async (provider) => {
  const guide = await read(`guides/${provider}.${language}.json`);
  const filled = (value) => (typeof value === "string" ? fill(value, common()) : value);
  return guide.map((step) => Object.fromEntries(Object.entries(step).map(([key, value]) => [key, filled(value)])));
};

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const ago = (time) => {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  for (const [unit, size] of UNITS) if (seconds >= size) return format.format(-Math.floor(seconds / size), unit);
  return t("just_now");
};

export const listWords = (words) => new Intl.ListFormat(language).format(words);
