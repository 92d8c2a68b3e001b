/* Open a dialog and return the value of the button that was pressed in its form, "" when it
   was closed without one. Not by its `close` event: Chromium tells that later, when the next
   question may be open already. */
export function pressed(dialog) {
  dialog.showModal();
  return new Promise((resolve) => {
    const once = new AbortController();
    const listen = (name, choiceOf) =>
      dialog.addEventListener(
        name,
        (event) => {
          const choice = choiceOf(event);
          if (choice === null) return;
          event.preventDefault();
          once.abort();
          dialog.close();
          resolve(choice);
        },
        { signal: once.signal },
      );
    listen("submit", (event) => event.submitter.value);
    listen("cancel", () => "");
    listen("click", (event) => (event.target.closest("[data-closes]") ? "" : null));
  });
}
