package asymml.report;

import java.awt.Color;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.jsoup.parser.Parser;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.internal.series.AxesChartSeries;
import org.knowm.xchart.internal.series.Series;
import org.knowm.xchart.style.AxesChartStyler;

/// A part of a page, and all that may stand in one. Text goes in as text: the document escapes it.
final class PageSection {
  /// Wider charts than that do not shrink to the width of a phone.
  private static final int WIDE = 600;

  private static final Color CLEAR = new Color(255, 255, 255, 0);

  /// Coordinates to a hundredth of a pixel: half of the bytes.
  private static final Pattern DIGITS = Pattern.compile("(\\d\\.\\d{2})\\d+");

  private static final Pattern REFERENCE = Pattern.compile("url\\(#([^)]*)\\)");

  /// Of more series than that, first, middle and last are named: the colours go from one to the
  /// next.
  private static final int NAMED = 8;

  private final Element element;
  private final int level;

  private PageSection(Element element, int level) {
    this.element = element;
    this.level = level;
  }

  /// The main part of a document.
  static PageSection of(Document document) {
    return new PageSection(document.body().appendElement("main"), 1);
  }

  /// A part with a heading.
  ///
  /// @param id for links within the page, unique
  PageSection section(String id, String title) {
    Element section = element.appendElement("section").id(id);
    section.appendElement("h" + (level + 1)).text(title);
    return new PageSection(section, level + 1);
  }

  /// A part that opens at a touch.
  PageSection details(String summary) {
    Element details = element.appendElement("details");
    details.appendElement("summary").text(summary);
    return new PageSection(details, level);
  }

  /// A part without a heading.
  ///
  /// @param kind its class in the style sheet
  PageSection box(String kind) {
    return new PageSection(element.appendElement("div").addClass(kind), level);
  }

  /// The page's own heading.
  void title(String title) {
    element.appendElement("h1").text(title);
  }

  /// A paragraph.
  PageSection text(String text) {
    element.appendElement("p").text(text);
    return this;
  }

  /// A paragraph of another class.
  PageSection text(String kind, String text) {
    element.appendElement("p").addClass(kind).text(text);
    return this;
  }

  /// What is not there, and how to get it.
  void missing(String text) {
    text("missing", text);
  }

  /// A list.
  void list(List<String> items) {
    Element list = element.appendElement("ul");
    items.forEach(item -> list.appendElement("li").text(item));
  }

  /// Links within the page.
  ///
  /// @param links titles by id
  void links(Map<String, String> links) {
    Element nav = element.appendElement("nav");
    links.forEach((id, title) -> nav.appendElement("a").attr("href", "#" + id).text(title));
  }

  /// Names and values.
  void facts(Map<String, String> facts) {
    Element list = element.appendElement("dl");
    facts.forEach((name, value) -> {
      Element row = list.appendElement("div");
      row.appendElement("dt").text(name);
      row.appendElement("dd").text(value);
    });
  }

  /// A command to copy.
  void command(String command) {
    element.appendElement("pre").appendElement("code").text(command);
  }

  /// A table in a box that scrolls where it is too wide.
  void table(PageTable table) {
    // Outside of the box, or a phone would show only the beginning of each line.
    text("caption", table.caption());
    table.appendTo(scroll(element, table.caption()));
  }

  /// Reachable by keyboard, too.
  private static Element scroll(Element parent, String label) {
    return parent
        .appendElement("div")
        .addClass("scroll")
        .attr("tabindex", "0")
        .attr("role", "region")
        .attr("aria-label", label);
  }

  /// A chart, drawn without title and legend, which stand beside it as text.
  ///
  /// @param id unique in the page
  /// @param caption what is seen
  void chart(Chart<? extends AxesChartStyler, ?> chart, String id, String caption)
      throws IOException {
    Element figure = element.appendElement("figure").id(id);
    legend(chart, figure);
    chart.getStyler().setChartTitleVisible(false).setLegendVisible(false);
    chart.getStyler().setChartBackgroundColor(CLEAR).setPlotBackgroundColor(CLEAR);
    Element svg = embeddable(Charts.svg(chart), id);
    svg.attr("role", "img").attr("aria-label", caption);
    if (chart.getWidth() > WIDE) {
      // Its type would be too small on a phone: its box scrolls.
      svg.addClass("wide");
    }
    scroll(figure, caption).appendChild(svg);
    figure.appendElement("figcaption").text(caption);
  }

  /// The root of an SVG document as an element of a page that may hold others.
  private static Element embeddable(String document, String id) {
    String brief = DIGITS.matcher(document).replaceAll("$1");
    Element svg = Jsoup.parse(brief, Parser.xmlParser()).expectFirst("svg");
    List.of("x", "y", "width", "height", "version", "xmlns", "xmlns:xlink")
        .forEach(svg::removeAttr);
    for (Element clip : svg.select("[id]")) {
      clip.id(id + "-" + clip.id());
    }
    for (Element clipped : svg.select("[clip-path]")) {
      String path = REFERENCE.matcher(clipped.attr("clip-path")).replaceAll("url(#" + id + "-$1)");
      clipped.attr("clip-path", path);
    }
    return svg;
  }

  private static void legend(Chart<?, ?> chart, Element figure) {
    List<AxesChartSeries> series = new ArrayList<>();
    for (Series drawn : chart.getSeriesMap().values()) {
      if (drawn instanceof AxesChartSeries line) {
        series.add(line);
      }
    }
    if (series.size() < 2) {
      return;
    }
    Element legend = figure.appendElement("ul").addClass("legend");
    if (series.size() <= NAMED) {
      series.forEach(line -> entry(legend, line, line.getName()));
    } else {
      for (int place : List.of(0, series.size() / 2, series.size() - 1)) {
        entry(legend, series.get(place), series.get(place).getName());
      }
    }
  }

  private static void entry(Element legend, AxesChartSeries line, String name) {
    Color colour = line.getLineColor();
    boolean dashed = line.getLineStyle() != null && line.getLineStyle().getDashArray() != null;
    Element entry = legend.appendElement("li");
    entry
        .appendElement("span")
        .addClass("swatch")
        .attr(
            "style",
            "border-top:3px %s #%06x"
                .formatted(dashed ? "dashed" : "solid", colour.getRGB() & 0xffffff));
    entry.appendText(name);
  }

  /// A picture of three rows of images.
  ///
  /// @param png its bytes in base 64
  /// @param rows what each row shows
  /// @param caption what is seen
  void strip(String png, List<String> rows, String caption) {
    Element figure = element.appendElement("figure").addClass("strip");
    Element names = figure.appendElement("div").addClass("rows").attr("aria-hidden", "true");
    rows.forEach(row -> names.appendElement("span").text(row));
    figure.appendElement("img").attr("alt", caption).attr("src", "data:image/png;base64," + png);
    figure.appendElement("figcaption").text(caption);
  }
}
