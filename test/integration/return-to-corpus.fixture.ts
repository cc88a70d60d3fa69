/** Return addresses that try to lead elsewhere, by the trick that they use. Everywhere `evil.example` is the goal. */
export const returnToCorpus: Readonly<Record<string, readonly string[]>> = {
  slashes: [2, 3, 4].flatMap((length) => mixes(['/', '\\'], length)).map((start) => `${start}evil.example`),
  invisible: invisible().flatMap((odd) => [
    `${odd}//evil.example`,
    `/${odd}/evil.example`,
    `//${odd}evil.example`,
    `/${odd}\\evil.example`,
    `${odd}https://evil.example`,
    `/a${odd}/..//evil.example`,
  ]),
  schemes: ['https', 'http', 'HTTPS', 'ftp', 'ws', 'file', 'blob:https', 'view-source:https', 'x'].flatMap(
    (scheme) =>
      [':', ':/', '://', ':///', ':\\\\', ':/\\'].map((slashes) => `${scheme}${slashes}evil.example`),
  ),
  scripts: [
    'javascript',
    'JavaScript',
    'vbscript',
    'data',
    'java\tscript',
    'java\nscript',
    '\u0001javascript',
  ].flatMap((scheme) => [`${scheme}:alert(1)`, `/${scheme}:alert(1)//evil.example`, `//${scheme}:alert(1)`]),
  users: [
    'app.example@',
    '127.0.0.1@',
    'a:b@',
    '@',
    ':@',
    'app.example%40',
    'app.example\\@',
    'app.example#@',
    'app.example?@',
  ].flatMap((user) => [`//${user}evil.example`, `https://${user}evil.example`, `/\\${user}evil.example`]),
  dots: ['.', '..', '%2e', '%2E', '%2e%2E', '.%2e', '%2e.', '.;', '..;', ';', '%252e%252e'].flatMap((dots) =>
    ['/', '/a/', '', '../'].flatMap((start) =>
      ['//', '/\\', '\\', '/%2f'].map((end) => `${start}${dots}${end}evil.example`),
    ),
  ),
  confusables: [
    '\uff0f',
    '\u2044',
    '\u2215',
    '\u29f8',
    '\uff3c',
    '\ufe68',
    '\u3002',
    '\uff0e',
    '\u2024',
    '\u00ad',
  ].flatMap((odd) => [
    `/${odd}evil.example`,
    `${odd}${odd}evil.example`,
    `//evil${odd}example`,
    `/${odd}${odd}/evil.example`,
  ]),
  encoded: [
    '%2f',
    '%2F',
    '%5c',
    '%09',
    '%0a',
    '%0d',
    '%00',
    '%20',
    '%c0%af',
    '%e0%80%af',
    '%252f',
    '%u002f',
  ].flatMap((code) => [
    `/${code}evil.example`,
    `${code}${code}evil.example`,
    `/${code}/evil.example`,
    `//${code}evil.example`,
    `/${code}${code}//evil.example`,
  ]),
  hosts: ['evil.example:80', 'evil.example.', 'app.example.evil.example', 'evil.example%00.app.example', '0x7f000001', '2130706433',
    '[::1]', '[::ffff:7f00:1]', '0', ':80', 'evil.example;app.example', 'evil.example,app.example', 'evil%E3%80%82example'].flatMap(
    (host) => [`//${host}`, `/\\${host}`, `https:${host}`],
  ), // biome-ignore format: a list
  splitting: [
    '%0d%0aLocation:%20//evil.example',
    '\r\nLocation: //evil.example',
    '\nSet-Cookie: a=b',
    '\r\n\r\n<script>',
  ].flatMap((rest) => [`/${rest}`, `/x${rest}`, `//evil.example/${rest}`]),
  relative: [
    '',
    '.',
    '..',
    'evil.example',
    '.evil.example',
    '@evil.example',
    ':80',
    '?//evil.example',
    '#//evil.example',
    '?',
    '#',
  ],
  malformed: ['http://[', '//[', '/\\[', 'https://', 'http:', '//', '/\\', '///', '\ud800//evil.example', '/\udfff/evil.example',
    '//\ud83d', 'https://%', '//%zz', '//evil.example:99999', '//evil.example:port'], // biome-ignore format: a list
}

/** Characters that some reader drops, trims or takes for something else. */
function invisible(): readonly string[] {
  const codes = [
    0x00, 0x01, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x7f, 0x85, 0xa0, 0x200b, 0x2028, 0x202e, 0x3000, 0xfeff,
  ]
  return codes.map((code) => String.fromCharCode(code))
}

/** Every string of `length` pieces. */
function mixes(pieces: readonly string[], length: number): readonly string[] {
  if (length === 0) return ['']
  return mixes(pieces, length - 1).flatMap((rest) => pieces.map((piece) => rest + piece))
}

/**
 * The rules of a `Location` header that cannot lead away from `origin`, written apart from the code under test: as a
 * browser reads it, and byte by byte. Says what is wrong with it.
 */
export function escapeOf(location: string | undefined, origin: string): string | undefined {
  if (location === undefined) return 'no location'
  if (!URL.canParse(location, `${origin}/callback/example`)) return 'unreadable'
  const read = new URL(location, `${origin}/callback/example`)
  if (read.origin !== origin) return 'another origin'
  if (/^[/\\]{2}/.test(read.pathname)) return 'another origin once its dot segments are gone'
  if (location[0] !== '/' || /^[/\\]$/.test(location[1] ?? '')) return 'not a path'
  // Readers do not agree on what a backslash is.
  return /[^\x21-\x7e]|\\/.test(location) ? 'an odd character' : undefined
}

/** Percent-encodes UTF-8 as `encodeURIComponent` does, lone surrogates too (as the three bytes that CESU-8 has). */
export function percentEncode(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0)
    if (character.length > 1 || code < 0xd800 || code > 0xdfff) return encodeURIComponent(character)
    return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
      .map((byte) => `%${byte.toString(16)}`)
      .join('')
  }).join('')
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
