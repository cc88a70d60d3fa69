/** What kept fetch from an answer, as the system calls it (`ECONNREFUSED`). */
export function causeOf(error: unknown): string {
  const { cause, name } = error as Error & { readonly cause?: NodeJS.ErrnoException }
  return cause?.code ?? cause?.message ?? name
}
