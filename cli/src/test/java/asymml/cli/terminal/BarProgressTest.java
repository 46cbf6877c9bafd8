package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.data.Progress;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import me.tongfei.progressbar.ProgressBarConsumer;
import org.junit.jupiter.api.Test;

class BarProgressTest {
  private static final long SECOND = 1_000_000_000L;

  private final AtomicLong clock = new AtomicLong();
  private final Drawn drawn = new Drawn();
  private final Progress progress = new BarProgress(drawn, clock::get);

  /// What bars draw; the thread of a bar draws too.
  private static final class Drawn implements ProgressBarConsumer {
    final List<String> texts = new CopyOnWriteArrayList<>();
    final List<String> events = new CopyOnWriteArrayList<>();
    final CountDownLatch begun = new CountDownLatch(1);

    @Override
    public int getMaxRenderedLength() {
      return 80;
    }

    @Override
    public void accept(String text) {
      texts.add(text);
      begun.countDown();
    }

    @Override
    public void clear() {
      events.add("clear");
    }

    @Override
    public void close() {
      events.add("close");
    }
  }

  @Test
  void a_stage_that_takes_a_moment_draws_nothing() {
    progress.update("decoding images", 0, 3);
    clock.set(SECOND / 4);
    progress.update("decoding images", 2, 3);
    progress.update("decoding images", 3, 3);
    assertThat(drawn.texts).isEmpty();
    assertThat(drawn.events).isEmpty();
  }

  @Test
  void a_longer_stage_has_a_bar_that_is_gone_when_it_is_done() throws Exception {
    progress.update("decoding images", 0, 4);
    clock.set(SECOND);
    progress.update("decoding images", 2, 4);
    drawn.begun.await();
    progress.update("decoding images", 4, 4);
    assertThat(drawn.texts).last().asString().contains("decoding images", "2/4");
    assertThat(drawn.events).containsExactly("clear", "close");
  }

  @Test
  void the_next_stage_has_its_own_bar_and_its_own_moment() throws Exception {
    progress.update("reading", 0, -1);
    clock.set(SECOND);
    progress.update("reading", 7, -1);
    drawn.begun.await();
    progress.update("decoding images", 0, 4);
    assertThat(drawn.events).containsExactly("clear", "close");
    progress.update("decoding images", 1, 4);
    assertThat(drawn.texts).noneMatch(text -> text.contains("decoding"));
  }

  @Test
  void without_a_terminal_a_line_is_printed_every_five_seconds() {
    StringWriter text = new StringWriter();
    Progress lines = DataOpening.lines(new PrintWriter(text), clock::get);
    List<Long> seconds = List.of(1L, 5L, 6L, 10L);
    for (long second : seconds) {
      clock.set(second * SECOND);
      lines.update("decoding images", second, second < 10 ? 20 : -1);
    }
    assertThat(text.toString().lines())
        .containsExactly("decoding images: 5/20", "decoding images: 10");
  }
}
