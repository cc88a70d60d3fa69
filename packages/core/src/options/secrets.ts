import { hkdfSync } from 'node:crypto'
import { randomId } from '../crypto/random.ts'
import type { Logger } from '../log.ts'
import { invalidOption } from './invalid-option.ts'

/** The secrets: the first one seals, all open. */
export type Secrets = readonly [string, ...string[]]

const fewestBytes = 32
/** Below these a value was typed or patterned, not drawn: 16 random bytes as hex have 32 characters of 16 kinds. */
const fewestKinds = 8
const fewestBits = 80

const make = `node -e "console.log(require('node:crypto').randomBytes(32).toString('base64url'))"`
const fix = `Set the option secret, or LATCHKEY_SECRET, to the output of: ${make}`

/** Words of example values. They do not turn up in drawn ones: six given letters in a row are one in 10^9. */
const exampleWords =
  /change.?me|example|secret|password|placeholder|insecure|latchkey|your.?key|keyboard.?cat|lorem.?ipsum/i

/**
 * The configured secrets, checked. Without one: a random one, with a warning, and in production an error.
 * @param otherSecrets values with another purpose, which must not stand here too
 */
export function secrets(
  configured: readonly string[],
  environment: { readonly isProduction: boolean; readonly log: Logger },
  otherSecrets: readonly string[],
): Secrets {
  const [first, ...older] = configured
  if (first === undefined) return [randomSecret(environment)]
  for (const [index, secret] of configured.entries()) {
    const fault = faultOf(secret, otherSecrets)
    const which = configured.length === 1 ? 'The option secret' : `Entry ${index + 1} of the option secret`
    if (fault !== undefined) throw invalidOption(`${which} (or LATCHKEY_SECRET) ${fault}. ${fix}`)
  }
  return [first, ...older]
}

/** Secrets for another purpose, of which none can be worked back or passes for another. */
export function derivedSecrets([first, ...older]: Secrets, purpose: string): Secrets {
  const derive = (secret: string): string =>
    Buffer.from(hkdfSync('sha256', secret, '', `latchkey ${purpose}`, 32)).toString('base64url')
  return [derive(first), ...older.map(derive)]
}

function randomSecret({
  isProduction,
  log,
}: {
  readonly isProduction: boolean
  readonly log: Logger
}): string {
  if (isProduction) throw invalidOption(`The option secret is missing. ${fix}`)
  log.warn(
    { event: 'options.random_secret' },
    `No secret is set, so this process made a random one: no other process can read its sessions, and everybody is signed out when it ends. ${fix}`,
  )
  return randomId(256)
}

function faultOf(secret: string, otherSecrets: readonly string[]): string | undefined {
  if (Buffer.byteLength(secret) < fewestBytes) return `is shorter than ${fewestBytes} bytes`
  if (exampleWords.test(secret)) return 'is an example value'
  if (isGuessable(secret)) return 'is not random'
  if (otherSecrets.includes(secret)) return 'is also used as a client secret'
  return undefined
}

function isGuessable(secret: string): boolean {
  const kinds = new Map<string, number>()
  for (const character of secret) kinds.set(character, (kinds.get(character) ?? 0) + 1)
  if (kinds.size < fewestKinds || isRepeated(secret) || isSequence(secret)) return true
  let bitsPerCharacter = 0
  for (const count of kinds.values()) {
    const share = count / secret.length
    bitsPerCharacter -= share * Math.log2(share)
  }
  return bitsPerCharacter * secret.length < fewestBits
}

/** The same piece over and over: found inside its own double, but not at either end. */
function isRepeated(secret: string): boolean {
  return (secret + secret).indexOf(secret, 1) < secret.length
}

/** `abcdef…`, `987654…`: most neighbours are neighbours in the character table too. */
function isSequence(secret: string): boolean {
  let steps = 0
  for (let index = 1; index < secret.length; index += 1) {
    if (Math.abs(secret.charCodeAt(index) - secret.charCodeAt(index - 1)) === 1) steps += 1
  }
  return steps > secret.length / 2
}
