/** Where a backend listens. */
export type BackendAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tcp' | 'tls';
      readonly host: string;
      readonly port: number;
      /** Put in front of every request's path; begins with a slash and does not end with one. */
      readonly pathPrefix?: string;
    };
