package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImageTableTest {
  @TempDir Path root;

  @BeforeEach
  void images() throws Exception {
    SampleFiles.folder(root.resolve("pets"));
  }

  private DataSet open(String name, String... lines) throws Exception {
    Path table = root.resolve(name);
    Files.writeString(table, String.join("\n", lines) + "\n");
    return DataSets.open(table.toString(), SampleFiles.SILENT);
  }

  @Test
  void a_table_of_a_folder_s_images_is_that_folder() throws Exception {
    DataSet folder = DataSets.open(root.resolve("pets").toString(), SampleFiles.SILENT);
    DataSet table =
        open(
            "pets.csv",
            "note,Split,\"Class\",path",
            "\"a, b\",train,cat,pets/train/cat/1.png",
            ",train,cat,pets/train/cat/2.JPG",
            "",
            "x,Training,dog,./pets/train/dog/1.png",
            "x,train,dog,\"pets/train/dog/2.jpeg\"",
            "x,test,cat,pets/test/cat/1.png",
            "x,test,dog,%s/pets/test/dog/1.png".formatted(root));
    assertThat(table.name()).isEqualTo("pets.csv");
    assertThat(table.train().digest()).isEqualTo(folder.train().digest());
    assertThat(table.test().digest()).isEqualTo(folder.test().digest());
  }

  @Test
  void tabs_separate_in_tsv_and_val_is_a_test_split() throws Exception {
    DataSet table =
        open(
            "pets.TSV",
            "file\tlabel\tset",
            "pets/train/cat/1.png\tb, c\ttrain",
            "pets/train/dog/1.png\ta\ttrain",
            "pets/test/cat/1.png\tb, c\tval",
            "pets/test/dog/1.png\ta\tval");
    assertThat(table.train().classNames()).containsExactly("a", "b, c");
    assertThat(table.test().size()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          path,label                 ; x.png,a                | has no column for the split of each image: train
          path,split                 ; x.png,train            | has no column for the class of each image
          path,file,label,split      ; x,y,a,train            | has 2 columns for the path of each image
          path,label,split           ; x.png,,train           | line 2 has nothing in the column label
          path,label,split           ; x.png,a,later          | line 2: the split is train, test, val, valid or validation, not later
          path,label,split           ; ; x.png,a,never        | line 3: the split is
          path,label,split           ; x.png,a/b,train        | line 2: a/b cannot be the name of a class
          path,label,split           ; x.png,.a,train         | line 2: .a cannot be the name of a class
          path,label,split           ; x.png,a,train;x.png,b,test | lists x.png twice, in lines 2 and 3
          path,label,split           ; no.png,a,train;pets/train/dog/1.png,b,train;pets/test/cat/1.png,a,test;pets/test/dog/1.png,b,test | line 2: no.png does not exist
          path,label,split           ; pets/train/cat,a,train;pets/train/dog/1.png,b,train;pets/test/cat/1.png,a,test;pets/test/dog/1.png,b,test | is not a .jpg, .jpeg or .png file
          path,label,split           ; pets/train/cat/1.png,a,train | fewer than two classes
          """)
  void what_is_wrong_is_said_with_its_line(String header, String message) {
    // Lines are separated by semicolons.
    assertThatThrownBy(() -> open("bad.csv", header.split(" *; *|;")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(message);
  }

  @Test
  void lines_are_counted_where_quoted_values_have_line_breaks() {
    assertThatThrownBy(() ->
            open(
                "notes.csv",
                "path,label,split,\"a note",
                "of two lines\"",
                "pets/train/cat/1.png,a,train,\"one",
                "",
                "three\"",
                "",
                "pets/train/dog/1.png,b,never,"))
        .hasMessageContaining("notes.csv, line 7: the split is");
  }

  @Test
  void a_table_without_lines_and_one_that_is_none_are_refused() {
    assertThatThrownBy(() -> open("empty.csv", "path,label,split"))
        .hasMessageEndingWith("lists no images");
    assertThatThrownBy(() -> open("odd.csv", "path,label,split", "\"never closed,a,train"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("odd.csv");
  }

  private DataSet open(Decoding.Columns columns, String... lines) throws Exception {
    Path table = root.resolve("columns.csv");
    Files.writeString(table, String.join("\n", lines) + "\n");
    return DataSets.open(
        table.toString(), Decoding.DEFAULT.withColumns(columns), SampleFiles.SILENT);
  }

  private static final String[] PATIENTS = {
    "path,label,Finding,Patient,split",
    "pets/train/cat/1.png,x,cat,p1,train",
    "pets/train/cat/2.JPG,x,cat,p2,train",
    "pets/train/dog/1.png,x,dog,p1,train",
    "pets/train/dog/2.jpeg,x,dog,p3,train",
    "pets/test/cat/1.png,x,cat,p4,test",
    "pets/test/dog/1.png,x,dog,p4,test"
  };

  @Test
  void columns_of_classes_and_groups_are_named() throws Exception {
    DataSet data = open(new Decoding.Columns("finding", "patient"), PATIENTS);
    assertThat(data.train().classNames()).containsExactly("cat", "dog");
    long[] groups = Objects.requireNonNull(data.train().groups());
    // In the order of classes.
    assertThat(groups).hasSize(4);
  }

  @Test
  void a_group_in_both_splits_is_refused_with_two_of_its_images() {
    String[] lines = PATIENTS.clone();
    lines[6] = "pets/test/dog/1.png,x,dog,p2,test";
    assertThatThrownBy(() -> open(new Decoding.Columns("finding", "patient"), lines))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "columns.csv: a group has images in both splits, such as",
            "line 3: pets/train/cat/2.JPG",
            "line 7: pets/test/dog/1.png");
    lines[6] = "pets/test/dog/1.png,x,dog,,test";
    assertThatThrownBy(() -> open(new Decoding.Columns("finding", "patient"), lines))
        .hasMessageContaining("line 7 has nothing in the column Patient");
    assertThatThrownBy(() -> open(new Decoding.Columns(null, "ward"), PATIENTS))
        .hasMessageContaining(
            "has no column for the group of each image; name one of its columns ward");
    assertThatThrownBy(() -> open(new Decoding.Columns("diagnosis", null), PATIENTS))
        .hasMessageContaining("has no column for the class of each image");
  }

  @Test
  void what_has_no_columns_is_refused_where_one_is_asked_for() {
    for (String spec : new String[] {"generated", root.resolve("pets").toString()}) {
      for (Decoding.Columns columns :
          new Decoding.Columns[] {
            new Decoding.Columns("a", null), new Decoding.Columns(null, "a")
          }) {
        assertThatThrownBy(() ->
                DataSets.open(spec, Decoding.DEFAULT.withColumns(columns), SampleFiles.SILENT))
            .isInstanceOf(DataException.class)
            .hasMessageContaining(spec + " has no columns");
      }
    }
    assertThatThrownBy(() -> new Decoding.Columns(" ", null))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void parts_of_a_set_keep_their_groups() throws Exception {
    DataSet data = open(new Decoding.Columns("finding", "patient"), PATIENTS);
    long[] all = Objects.requireNonNull(data.train().groups());
    assertThat(open(new Decoding.Columns("finding", null), PATIENTS).train().groups()).isNull();
    ImageSet part = data.train().subset(3, 5);
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 4; j++) {
        if (Arrays.equals(SampleFiles.pixels(part, i), SampleFiles.pixels(data.train(), j))) {
          assertThat(Objects.requireNonNull(part.groups())[i]).isEqualTo(all[j]);
        }
      }
    }
    // The first cat and the first dog are of one patient.
    assertThat(all[0]).isEqualTo(all[2]);
    assertThat(all[0]).isNotEqualTo(all[1]).isNotEqualTo(all[3]);
    assertThat(data.train().digest())
        .isEqualTo(
            DataSets.open(root.resolve("pets").toString(), SampleFiles.SILENT).train().digest());
  }
}
