"use strict";
// Filter, sort and search the cards of this page, and find people whose card is on another page. No network.
(() => {
  const tools = document.getElementById("tools");
  const list = document.getElementById("cards");
  if (!tools || !list) return;
  const cards = [...list.querySelectorAll(".card")];
  const groups = [...list.querySelectorAll(".group")];
  const everybody = JSON.parse(document.getElementById("everybody").textContent);
  const [search, group, order, unseen] = ["search", "group", "order", "unseen"].map((id) => document.getElementById(id));
  const count = document.getElementById("count");
  const elsewhere = document.getElementById("elsewhere");
  const home = new Map(cards.map((card) => [card, card.parentElement]));
  const flat = document.createElement("ol");
  flat.className = "people";
  flat.hidden = true;
  list.prepend(flat);

  // Hyphens do not count, neither in the search nor in codes, names and ids.
  const plain = (text) => text.toLowerCase().replaceAll("-", "");

  const wanted = (card, words) =>
    (!group.value || card.dataset.group === group.value) &&
    (!unseen.checked || card.dataset.looked === "no") &&
    words.every((word) => plain(card.dataset.find).includes(word));

  const findElsewhere = (words) => {
    elsewhere.replaceChildren();
    if (!words.length) return;
    const here = new Set(cards.map((card) => card.id));
    const found = everybody.filter(
      ([code, name]) => !here.has(code) && words.every((word) => plain(`${code} ${name}`).includes(word)),
    );
    for (const [code, name, file] of found.slice(0, 8)) {
      const item = document.createElement("li");
      const link = document.createElement(file ? "a" : "span");
      if (file) link.href = `${file}#${code}`;
      link.textContent = name ? `${code} · ${name}` : code;
      item.append(link);
      elsewhere.append(item);
    }
  };

  const update = () => {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      card.hidden = !wanted(card, words);
      shown += !card.hidden;
    }
    flat.hidden = !order.value;
    if (order.value === "code") flat.append(...cards.toSorted((a, b) => a.id.localeCompare(b.id)));
    else if (order.value) flat.append(...cards.toSorted((a, b) => b.dataset[order.value] - a.dataset[order.value]));
    else for (const card of cards) home.get(card).append(card);
    for (const one of groups) one.hidden = Boolean(order.value) || !one.querySelector(".card:not([hidden])");
    count.textContent = count.dataset.text.replace("{shown}", shown).replace("{all}", cards.length);
    findElsewhere(words);
  };

  tools.hidden = false;
  for (const one of [search, group, order, unseen]) one.addEventListener("input", update);
  update();
})();
