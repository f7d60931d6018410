package dev.kerneltracer.report;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;

/// Writes JSON files as a stream: UTF-8, keys in the order in which they are written.
public final class JsonFile {
  private static final JsonMapper MAPPER = JsonMapper.shared();

  private JsonFile() {}

  /// What fills the file.
  @FunctionalInterface
  public interface Content {
    void writeTo(JsonGenerator json);
  }

  /// Writes a whole file for people to read, indented, or none.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written
  public static void write(Path target, Content content) {
    write(target, content, MAPPER.writerWithDefaultPrettyPrinter());
  }

  /// Writes a whole file that may become large, without white space, or none.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written
  public static void writeCompact(Path target, Content content) {
    write(target, content, MAPPER.writer());
  }

  /// Prints for people or programs to read, indented; the stream stays open.
  public static void print(PrintStream out, Content content) {
    try {
      write(out, content, MAPPER.writerWithDefaultPrettyPrinter());
      out.println();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a PrintStream keeps its failures to itself
    }
  }

  private static void write(Path target, Content content, ObjectWriter writer) {
    AtomicFile.write(
        target,
        out -> {
          write(out, content, writer);
          out.write('\n');
        });
  }

  private static void write(OutputStream out, Content content, ObjectWriter writer)
      throws IOException {
    // The generator must not close the stream, and Jackson hides the file's own IOException.
    OutputStream open =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            out.write(b);
          }

          @Override
          public void write(byte[] bytes, int from, int length) throws IOException {
            out.write(bytes, from, length);
          }
        };
    try (JsonGenerator json = writer.createGenerator(open)) {
      content.writeTo(json);
    } catch (JacksonException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      throw e;
    }
  }
}
