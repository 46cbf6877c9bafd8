package asymml.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jsoup.Jsoup;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Chromium without a window, as Debian packages it.
///
/// @param program its path
record Browser(Path program) {
  private static final int LIMIT_SECONDS = 600;

  /// The page in frames of the widths of a phone and of a desktop, and a script that measures them.
  private static final String FRAMES =
      """
      <!doctype html><meta charset="utf-8">
      <iframe width="390" height="844" style="border:0" src="PAGE"></iframe>
      <iframe width="1280" height="900" style="border:0" src="PAGE"></iframe>
      <pre id="found"></pre>
      <script>
      // Relative luminance and contrast as WCAG 2 defines them.
      const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
      const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      const luminance = c => 0.2126 * linear(c[0] / 255) + 0.7152 * linear(c[1] / 255)
          + 0.0722 * linear(c[2] / 255);
      const ground = (view, e) => {
        for (; e; e = e.parentElement) {
          const c = channels(view.getComputedStyle(e).backgroundColor);
          if (c.length === 3) return c;
        }
        return [255, 255, 255];
      };
      const name = e => e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 30);
      const measure = view => {
        const root = view.document.documentElement;
        const all = [...view.document.querySelectorAll('body *')];
        const faint = all.filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
            && !e.closest('svg, .tinted') && e.getClientRects().length).filter(e => {
          const a = luminance(channels(view.getComputedStyle(e).color));
          const b = luminance(ground(view, e));
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
        });
        return {
          width: view.innerWidth,
          contentWidth: root.scrollWidth,
          paper: luminance(ground(view, view.document.body)),
          charts: all.filter(e => e.tagName === 'svg' && e.getBoundingClientRect().height > 100).length,
          tooWide: all.filter(e => !e.parentElement.closest('.scroll')
              && e.getBoundingClientRect().right > view.innerWidth + 1).map(name),
          faint: faint.map(name),
          broken: [...view.document.images].filter(i => !i.naturalWidth).map(i => i.alt)
        };
      };
      addEventListener('load', () => {
        document.getElementById('found').textContent =
            JSON.stringify([...document.querySelectorAll('iframe')].map(f => measure(f.contentWindow)));
      });
      </script>
      """;

  /// What was seen.
  ///
  /// @param console errors and other lines on the console
  /// @param frames at 390 and at 1280 pixels: `width`, `contentWidth`, `paper` (luminance),
  ///   `charts` (count), `tooWide`, `faint`, `broken` (names)
  record Rendering(List<String> console, List<JsonNode> frames) {}

  /// The browser of this machine, if it has one.
  static Optional<Browser> find() {
    return Stream.of(System.getenv("PATH").split(":"))
        .map(folder -> Path.of(folder, "chromium"))
        .filter(Files::isExecutable)
        .findFirst()
        .map(Browser::new);
  }

  /// Opens a page.
  ///
  /// @param page its file
  /// @param dark what the reader prefers
  Rendering open(Path page, boolean dark) throws IOException, InterruptedException {
    Path work = Files.createTempDirectory(page.getParent(), "browser");
    Path frames = work.resolve("frames.html");
    Files.writeString(frames, FRAMES.replace("PAGE", page.toUri().toString()));
    List<String> command =
        new ArrayList<>(
            List.of(
                program.toString(),
                "--headless",
                "--no-sandbox", // root may not have one, and the page is our own
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--allow-file-access-from-files",
                "--enable-logging=stderr",
                "--user-data-dir=" + work.resolve("profile"),
                "--dump-dom"));
    if (dark) {
      command.add("--force-dark-mode");
    }
    command.add(frames.toUri().toString());
    Path out = work.resolve("out");
    Path err = work.resolve("err");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("the browser did not end within " + LIMIT_SECONDS + " s");
    }
    JsonNode found =
        JsonMapper.shared().readTree(Jsoup.parse(Files.readString(out)).select("#found").text());
    return new Rendering(
        Files.readString(err).lines().filter(line -> line.contains("CONSOLE")).toList(),
        found.valueStream().toList());
  }
}
