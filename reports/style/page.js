"use strict";
// Draw each chart into the element of its name. `ast` interprets expressions, so the page can forbid eval.
(async () => {
  const packed = document.getElementById("library");
  if (packed) {
    // The library comes packed; once unpacked, it runs as an inline script that the page's policy knows by its hash.
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    packed.replaceWith(script);
  }
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
      place.textContent = place.dataset.failed;
      throw error;
    }
  };
  await Promise.all(Object.entries(specs).map(draw));
})();
