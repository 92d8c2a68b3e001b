/* <form data-moment>: its moment is chosen in the reader's own time, and sent in UTC. */
for (const form of document.querySelectorAll("form[data-moment]")) {
  const field = form.querySelector("input[type=datetime-local]");
  for (const name of ["min", "max", "value"]) {
    if (field[name]) field[name] = local(new Date(`${field[name]}Z`));
  }
  const sent = document.createElement("input");
  sent.type = "hidden";
  sent.name = field.name;
  field.removeAttribute("name");
  form.append(sent);
  form.addEventListener("submit", () => {
    sent.value = new Date(field.value).toISOString();
  });
}

function local(moment) {
  const there = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return there.toISOString().slice(0, 19);
}
