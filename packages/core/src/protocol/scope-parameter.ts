import type { Provider } from './provider.ts'

/** `scope` of a request as the server wants it; nothing when none is asked for and the server can do without. */
export function scopeParameter(
  { scopeSeparator, sendEmptyScope }: Pick<Provider, 'scopeSeparator' | 'sendEmptyScope'>,
  requested: readonly string[],
): { readonly scope?: string } {
  const scope = [...new Set(requested)]
  return scope.length > 0 || sendEmptyScope ? { scope: scope.join(scopeSeparator) } : {}
}

/** The scope in what a server answers, as a list; `undefined` when that says nothing that can be read. */
export function scopeList(value: unknown): readonly string[] | undefined {
  const parts = typeof value === 'string' ? value.split(/[\s,]/) : value
  if (!Array.isArray(parts)) return undefined
  const scope = parts.filter((part): part is string => typeof part === 'string' && isScopeToken(part))
  return scope.length === 0 ? undefined : [...new Set(scope)]
}

/** `scope-token` of RFC 6749 §3.3. */
function isScopeToken(text: string): boolean {
  return text.length <= 1000 && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text)
}
