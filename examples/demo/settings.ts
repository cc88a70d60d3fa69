import type { EmulatedProviders } from './emulators.ts'

/** What an app process is told by the program that starts it. */
export interface AppSettings {
  /** What the app is written for. */
  readonly framework: 'express' | 'fastify'
  /** Where browsers find the app, whichever process answers. */
  readonly baseUrl: string
  /** The port that this process listens on; 0: any free one. */
  readonly port: number
  /** Which of the app processes this is, from 1. */
  readonly number: number
  /** How many there are. */
  readonly processes: number
  /** The path or address of a Redis. Absent: everything is kept in the process's own memory. */
  readonly redisUrl?: string
  /** Before every key in Redis. */
  readonly keyPrefix: string
  /** Empty: the real ones. */
  readonly emulated: EmulatedProviders
}

/** What an app process says once it listens. */
export interface AppIsReady {
  readonly port: number
  readonly providers: readonly { readonly id: string; readonly name: string; readonly redirectUri: string }[]
}

/** The settings of this process. Without any it is the only one, at the real providers. */
export function appSettings(): AppSettings {
  const given = process.env.DEMO_APP
  // Written by the program that starts the app processes.
  if (given) return JSON.parse(given) as AppSettings
  const port = portToUse()
  const redisUrl = process.env.REDIS_URL
  return {
    framework: 'express',
    baseUrl: `http://127.0.0.1:${port}`,
    port,
    number: 1,
    processes: 1,
    ...(redisUrl && { redisUrl }),
    keyPrefix: 'latchkey-demo:',
    emulated: {},
  }
}

/** The port of the one address: `PORT`, else 3000. A value that is no port ends the program with advice. */
export function portToUse(): number {
  const port = Number(process.env.PORT || 3000)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  console.error('PORT must be a number from 1 to 65535: PORT=3001 npm run demo')
  process.exit(1)
}
