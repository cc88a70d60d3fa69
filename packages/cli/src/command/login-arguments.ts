import type { SignInWay } from '../sign-in/request.ts'
import { UsageError } from './failure.ts'

/** @throws {UsageError} no such way */
export function wayOf(text: string): SignInWay {
  if (text === 'loopback' || text === 'device' || text === 'console') return text
  throw new UsageError(`--via must be loopback, device or console, not "${text}".`, 'login')
}

/** @throws {UsageError} an option of another way than the one that is taken */
export function requireWayFor(via: SignInWay, way: SignInWay, option: string, given: unknown): void {
  if (given === undefined || via === way) return
  throw new UsageError(`${option} belongs to --via ${way}; this sign-in is --via ${via}.`, 'login')
}

/** One port, or the first and the last of a range. @throws {UsageError} */
export function portsOf(text: string | undefined): number | readonly [number, number] | undefined {
  if (text === undefined) return undefined
  const [from = '', to = from, ...more] = text.split('-')
  const ports = [Number(from), Number(to)] as const
  if (more.length > 0 || from === '' || ports.some((port) => !Number.isInteger(port)))
    throw new UsageError(`--port must be a port, or two of them: 8080-8180, not "${text}".`, 'login')
  return ports
}
