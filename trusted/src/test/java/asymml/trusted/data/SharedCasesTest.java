package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import asymml.model.Shape;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Data sets that were seen in the field, as they are. The same kinds of fault are tested on files
/// made here in [ImageTreeTest], [ZipArchiveTest], [JpegDecoderTest], [BinaryFilesTest].
class SharedCasesTest {
  private static final Path CASES = Path.of("../../shared/cases");

  private static DataSet open(String path) throws DataException {
    assumeThat(CASES).as("%s is absent: data seen in the field are not tested", CASES).exists();
    return DataSets.open(CASES.resolve(path).toString(), SampleFiles.SILENT);
  }

  @ParameterizedTest
  @CsvSource({
    "01-litter-beside-dataset/a, 8, 4, 'cat,dog'",
    "01-litter-beside-dataset/c, 8, 4, 'cat,dog'",
    "02-zip-entry-names/backslash.zip, 8, 4, 'cat,dog'",
    "03-gray-image-first/data, 8, 4, 'cat,dog'",
    "03-gray-image-first/control, 8, 4, 'cat,dog'",
    "04-non-ascii-names-c-locale/data, 8, 4, 'ko\u010Dka,pes'",
    "05-cmyk-jpeg/data, 8, 4, 'dark,light'",
    "13-zip-reading/cp850-name.zip, 33, 12, 'cat,dog'",
    "19-jpeg-warnings/icc, 8, 4, 'cat,dog'",
    "19-jpeg-warnings/extraneous, 8, 4, 'cat,dog'",
  })
  void are_read(String path, int train, int test, String classes) throws Exception {
    DataSet data = open(path);
    assertThat(data.train().size()).isEqualTo(train);
    assertThat(data.test().size()).isEqualTo(test);
    assertThat(String.join(",", data.train().classNames())).isEqualTo(classes);
    assertThat(data.train().shape().channels()).isEqualTo(3);
  }

  @Test
  void black_ink_is_gray_in_proportion() throws Exception {
    for (float mean : open("05-cmyk-jpeg/data").normalization().mean()) {
      assertThat(mean).isBetween(0.612f, 0.632f);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "13-zip-reading/encrypted.zip | is encrypted; unpack the zip file with its password",
        "13-zip-reading/lzma.zip | is compressed by LZMA (method 14), which is not read; unpack",
        "14-idx-gz-is-not-gzip/html-page | is not gzipped and no IDX file of images of unsigned"
            + " bytes: it is a web page",
      })
  void are_refused_by_name(String path, String why) {
    assumeThat(CASES).as("%s is absent: data seen in the field are not tested", CASES).exists();
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n");
  }

  @Test
  void files_that_a_browser_unpacked_are_read_by_their_content() throws Exception {
    DataSet data = open("14-idx-gz-is-not-gzip/plain-with-gz-name");
    assertThat(data.train().shape()).isEqualTo(new Shape(28, 28, 1));
    assertThat(data.train().classNames()).isEqualTo(List.of("0", "1", "2", "3"));
  }
}
