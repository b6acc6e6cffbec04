// What was typed into one form of a page is not lost because another form of it was sent: a note
// that was begun is still there after "Acknowledge".
const KEY = "nines-typed";
const FIELDS = "main form[method=post] :is(input:not([type]), input[type=text], textarea)";

export function keepTyped() {
  restore();
  document.addEventListener("submit", ({ target, defaultPrevented }) => {
    if (defaultPrevented) return;
    const others = [...document.querySelectorAll(FIELDS)].filter(
      (one) => one.id && one.form !== target && one.value !== one.defaultValue,
    );
    if (!others.length) return;
    const typed = others.map((one) => [one.id, one.value]);
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, typed }));
    } catch {
      // A browser that keeps nothing loses it, as without scripts.
    }
  });
}

function restore() {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
  } catch {
    return;
  }
  if (kept?.path !== location.pathname) return;
  for (const [id, value] of kept.typed) {
    const field = document.getElementById(id);
    if (!field?.matches(FIELDS) || field.value !== field.defaultValue) continue;
    field.value = value;
    const folded = field.closest("details");
    if (folded) folded.open = true;
  }
}
