package asymml.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegionTest {
  @Test
  void two_mappings_of_a_region_are_the_same_memory_even_after_its_name_is_gone()
      throws IOException {
    Slot slot = new Slot(64, 16);
    try (Region mine = Region.create(4096)) {
      Path file = Path.of(mine.path());
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
      try (Region theirs = Region.open(file, 4096)) {
        mine.unlink();
        assertThat(file).doesNotExist();
        mine.at(slot).setAtIndex(ValueLayout.JAVA_FLOAT, 3, 2.5f);
        assertThat(theirs.at(slot).getAtIndex(ValueLayout.JAVA_FLOAT, 3)).isEqualTo(2.5f);
      }
    }
  }

  @Test
  void a_slot_beyond_the_region_is_refused() {
    try (Region region = Region.allocate(1000)) {
      assertThat(region.holds(new Slot(960, 10))).isTrue();
      assertThat(region.holds(new Slot(960, 11))).isFalse();
      assertThatThrownBy(() -> region.at(new Slot(960, 11)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void use_after_close_throws_and_close_is_idempotent() {
    Region region = Region.allocate(64);
    region.close();
    region.close();
    assertThatThrownBy(() -> region.at(new Slot(0, 1)).fill((byte) 1))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void a_file_of_another_size_and_a_link_are_not_mapped(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("short"), new byte[100]);
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    assertThatThrownBy(() -> Region.open(file, 4096)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> Region.open(link, 100)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> Region.open(folder.resolve("none"), 100))
        .isInstanceOf(IOException.class);
  }
}
