package dev.kerneltracer.report;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/// Writes JSON files as a stream: UTF-8, keys in the order in which they are written.
public final class JsonFile {
  // A mapper of objects would take longer to make than most files to write.
  private static final JsonFactory FACTORY = new JsonFactory();

  private static final ObjectWriteContext COMPACT = ObjectWriteContext.empty();
  private static final ObjectWriteContext INDENTED = new Indented();

  private JsonFile() {}

  private static final class Indented extends ObjectWriteContext.Base {
    @Override
    public PrettyPrinter getPrettyPrinter() {
      return new DefaultPrettyPrinter();
    }

    @Override
    public boolean hasPrettyPrinter() {
      return true;
    }
  }

  /// What fills the file.
  @FunctionalInterface
  public interface Content {
    void writeTo(JsonGenerator json);
  }

  /// Writes a whole file for people to read, indented, or none.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written
  public static void write(Path target, Content content) {
    write(target, content, INDENTED);
  }

  /// Writes a whole file that may become large, without white space, or none.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written
  public static void writeCompact(Path target, Content content) {
    write(target, content, COMPACT);
  }

  /// Prints for people or programs to read, indented; the stream stays open.
  public static void print(PrintStream out, Content content) {
    try {
      write(out, content, INDENTED);
      out.println();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a PrintStream keeps its failures to itself
    }
  }

  private static void write(Path target, Content content, ObjectWriteContext form) {
    AtomicFile.write(
        target,
        out -> {
          write(out, content, form);
          out.write('\n');
        });
  }

  private static void write(OutputStream out, Content content, ObjectWriteContext form)
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
    try (JsonGenerator json = FACTORY.createGenerator(form, open)) {
      content.writeTo(json);
    } catch (JacksonException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      throw e;
    }
  }
}
