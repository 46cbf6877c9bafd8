package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CloserTest {
  private final List<String> closed = new ArrayList<>();

  private AutoCloseable resource(String name) {
    return () -> closed.add(name);
  }

  @Test
  void the_latest_is_closed_first() {
    try (Closer closer = new Closer()) {
      closer.own(resource("first"));
      closer.own(resource("second"));
      closer.own(resource("third"));
      assertThat(closed).isEmpty();
    }
    assertThat(closed).containsExactly("third", "second", "first");
  }

  @Test
  void what_is_owned_is_handed_back() {
    try (Closer closer = new Closer()) {
      AutoCloseable resource = resource("one");
      assertThat(closer.own(resource)).isSameAs(resource);
    }
  }

  @Test
  void what_was_released_stays_open() {
    try (Closer closer = new Closer()) {
      closer.own(resource("before"));
      closer.release();
      closer.own(resource("after"));
    }
    assertThat(closed).containsExactly("after");
  }

  @Test
  void nothing_is_closed_twice() {
    Closer closer = new Closer();
    closer.own(resource("one"));
    closer.close();
    closer.close();
    assertThat(closed).containsExactly("one");
  }

  @Test
  void the_others_are_closed_although_one_fails() {
    Closer closer = new Closer();
    closer.own(resource("first"));
    closer.own(() -> {
      throw new IOException("on disk");
    });
    closer.own(() -> {
      throw new IllegalArgumentException("of its own");
    });
    closer.own(resource("last"));
    assertThatThrownBy(closer::close)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("of its own")
        .satisfies(e ->
            assertThat(e.getSuppressed())
                .singleElement()
                .satisfies(s -> assertThat(s.getCause()).hasMessage("on disk")));
    assertThat(closed).containsExactly("last", "first");
  }

  @Test
  void a_failed_construction_reports_its_own_cause() {
    assertThatThrownBy(
            () -> {
              try (Closer closer = new Closer()) {
                closer.own(resource("opened"));
                throw new IllegalStateException("refused");
              }
            })
        .hasMessage("refused");
    assertThat(closed).containsExactly("opened");
  }
}
