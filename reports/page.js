"use strict";
// Draw each chart into the element of its name. `ast` interprets expressions, so the page can forbid eval.
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const options = {
    ast: true,
    renderer: "svg",
    actions: false,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };
  const draw = async ([name, spec]) => {
    const place = document.getElementById(name);
    try {
      await vegaEmbed(place, spec, options);
      place.dataset.drawn = "yes";
    } catch (error) {
      place.textContent = "This chart could not be drawn; its numbers are in the table below.";
      throw error;
    }
  };
  Object.entries(specs).forEach(draw);
})();
