/** Types of pinned-node.js, which is plain JavaScript so that any Node can run it. */
export declare const pinnedVersion: string;
export declare const pinnedPackages: Readonly<Record<string, string>>;
export declare function findPinnedNode(folder: string): string | undefined;
export declare function refusalOfNode(
  version: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined;
export declare function requireNode(): void;
export declare function continueAs(
  binary: string,
  argv: readonly string[],
  env?: Readonly<Record<string, string | undefined>>,
): void;
