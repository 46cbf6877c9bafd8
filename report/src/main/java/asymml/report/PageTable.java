package asymml.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jsoup.nodes.Element;

/// A table of a page: cells are text, in columns of words or of numbers.
final class PageTable {
  /// Longer texts than that break into lines.
  private static final int LONG = 30;

  private final String caption;
  private final List<String> names = new ArrayList<>();
  private final List<Boolean> numbers = new ArrayList<>();
  private final List<List<Cell>> rows = new ArrayList<>();

  /// A cell.
  ///
  /// @param text what it says
  /// @param small what it says below, less prominently
  /// @param share how strongly it is tinted, from 0 to 1
  record Cell(String text, String small, double share) {
    static Cell of(String text) {
      return new Cell(text, "", 0);
    }
  }

  /// @param caption what is seen
  PageTable(String caption) {
    this.caption = caption;
  }

  String caption() {
    return caption;
  }

  /// Adds columns of words.
  PageTable words(String... columns) {
    for (String name : columns) {
      names.add(name);
      numbers.add(false);
    }
    return this;
  }

  /// Adds columns of numbers.
  PageTable numbers(String... columns) {
    for (String name : columns) {
      names.add(name);
      numbers.add(true);
    }
    return this;
  }

  /// Adds a row of plain cells.
  void row(String... cells) {
    row(List.of(cells).stream().map(Cell::of).toList());
  }

  /// Adds a row.
  ///
  /// @throws IllegalArgumentException unless it has a cell for each column
  void row(List<Cell> cells) {
    if (cells.size() != names.size()) {
      throw new IllegalArgumentException(
          "a row of %s cells in a table of %s columns".formatted(cells.size(), names.size()));
    }
    rows.add(cells);
  }

  void appendTo(Element parent) {
    Element table = parent.appendElement("table");
    Element head = table.appendElement("thead").appendElement("tr");
    for (int i = 0; i < names.size(); i++) {
      align(head.appendElement("th").attr("scope", "col").text(names.get(i)), i);
    }
    Element body = table.appendElement("tbody");
    for (List<Cell> row : rows) {
      Element line = body.appendElement("tr");
      for (int i = 0; i < row.size(); i++) {
        Element cell =
            i == 0 ? line.appendElement("th").attr("scope", "row") : line.appendElement("td");
        align(fill(cell, row.get(i)), i);
      }
    }
  }

  private void align(Element cell, int column) {
    if (numbers.get(column)) {
      cell.addClass("number");
    }
  }

  private static Element fill(Element cell, Cell content) {
    cell.text(content.text());
    if (content.text().length() > LONG) {
      cell.addClass("long");
    }
    if (!content.small().isEmpty()) {
      cell.appendText(" ").appendElement("small").text(content.small());
    }
    if (content.share() > 0) {
      cell.addClass("tinted")
          .attr("style", String.format(Locale.ROOT, "--share:%.0f%%", 100 * content.share()));
    }
    return cell;
  }
}
