// Language and appearance, for the whole page: two small menus.
import { dress, theme, type Theme } from "../model/preferences";
import { language, languages, speak, words, type Language } from "../words";
import { Menu, type MenuItem } from "./menu";

export function languageItems(): MenuItem[] {
  return (Object.keys(languages) as Language[]).map((one) => ({ label: languages[one].languageName, checked: language.value === one, choose: () => speak(one) }));
}

export function themeItems(): MenuItem[] {
  const { themes } = words.value;
  return (Object.keys(themes) as Theme[]).map((one) => ({ label: themes[one], checked: theme.value === one, choose: () => dress(one) }));
}

export function Settings() {
  return (
    <>
      <Menu label={words.value.language} icon="language" items={languageItems} />
      <Menu label={words.value.theme} icon="theme" items={themeItems} />
    </>
  );
}
