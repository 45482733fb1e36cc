// Before anything is painted: the colour scheme that was chosen here. A classic script, because modules come later.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("cliproxy.theme");
  } catch {
    // storage is blocked: the system's scheme it is
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
