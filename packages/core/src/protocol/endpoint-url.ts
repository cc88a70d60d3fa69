/** True for `https:` anywhere and `http:` on a loopback literal (RFC 8252 §8.3): nowhere else may a secret travel. */
export function isProtectedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  if (username !== '' || password !== '' || hash !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackLiteral(hostname))
}

/** True for an IPv4 or IPv6 loopback address as `URL` spells it. `localhost` is a name, and names can be redirected. */
export function isLoopbackLiteral(hostname: string): boolean {
  return hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
}

/** Scheme, host and port of a protected URL, and nothing else. `URL` lets a `*` pass; here it is no host. */
export function isPureOrigin(text: string): boolean {
  return isProtectedUrl(text) && new URL(text).origin === text && !text.includes('*')
}
