// Light, dark or as the system has it. A plain script in the head, so that the first paint is right already.
(() => {
  const NAMES = ["system", "light", "dark"];
  const root = document.documentElement;
  let chosen = "system";
  try {
    chosen = sessionStorage.getItem("sqlenv.theme") || "system";
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  const apply = () => {
    if (chosen === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${chosen}`;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = NAMES[(NAMES.indexOf(chosen) + 1) % NAMES.length];
      try {
        sessionStorage.setItem("sqlenv.theme", chosen);
      } catch {
        // As above.
      }
      apply();
    });
  });
})();
