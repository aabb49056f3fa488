declare const loader: {
  load(): { addon: unknown; path: string | null; reason: string | null };
  packageRoot(): string;
  duckdbLibrary(): string | null;
  onnxruntimeLibrary(): string | null;
};
export = loader;
