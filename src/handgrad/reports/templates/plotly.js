// Inflates the Plotly library that stands in this page, and puts its figures in the place of the drawn ones.
// Where anything fails, and on paper, the drawn ones stay.
(async () => {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const library = document.createElement("script");
  library.textContent = await new Response(stream).text();
  document.head.append(library);
  for (const figure of document.querySelectorAll("figure.interactive")) {
    const scroll = figure.querySelector(".scroll");
    const view = JSON.parse(figure.querySelector("script").textContent);
    scroll.hidden = false;
    try {
      await Plotly.newPlot(scroll.querySelector(".view"), view.data, view.layout, { displayModeBar: false, responsive: true });
    } catch (error) {
      scroll.hidden = true;
      continue;
    }
    figure.querySelector(".hint").hidden = false;
    figure.classList.add("shown");
  }
})();
