package dev.kerneltracer.cli;

import dev.kerneltracer.python.PackageLock;
import java.util.Iterator;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Managed environments by the names that users type.
final class EnvironmentNames implements ITypeConverter<PackageLock>, Iterable<String> {
  @Override
  public PackageLock convert(String name) {
    if (!PackageLock.NAMES.contains(name)) {
      throw new TypeConversionException(
          "'" + name + "' is not an environment; there is " + String.join(", ", PackageLock.NAMES));
    }
    return PackageLock.named(name);
  }

  @Override
  public Iterator<String> iterator() {
    return PackageLock.NAMES.iterator();
  }
}
