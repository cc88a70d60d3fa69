import type { Provider } from './provider.ts'

/** `scope` of a request as the server wants it; nothing when none is asked for and the server can do without. */
export function scopeParameter(
  { scopeSeparator, sendEmptyScope }: Pick<Provider, 'scopeSeparator' | 'sendEmptyScope'>,
  requested: readonly string[],
): { readonly scope?: string } {
  const scope = [...new Set(requested)]
  return scope.length > 0 || sendEmptyScope ? { scope: scope.join(scopeSeparator) } : {}
}
