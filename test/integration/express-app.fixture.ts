import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Latchkey, type LatchkeyOptions, type Logger, latchkey, spotify } from '@latchkey/express'
import { type Spotify, startSpotify, TestClock, UserAgent } from '@latchkey/testing'
import express, { type Express } from 'express'

/** An Express app on an emulated Spotify, and a browser. */
export interface AppFixture {
  readonly origin: string
  readonly app: Express
  readonly auth: Latchkey<'spotify'>
  readonly spotify: Spotify
  readonly browser: UserAgent
  readonly clock: TestClock
  /** Every line that Latchkey logged: level, event, message. */
  readonly logged: readonly LogLine[]
  readonly close: () => Promise<void>
}

/** One line of the log. */
export interface LogLine {
  readonly level: string
  readonly event: unknown
  readonly message: string
}

/** What a test may change. */
export interface AppOptions {
  readonly options?: Partial<LatchkeyOptions<'spotify'>>
  /** Runs before `app.use(auth)`. */
  readonly before?: (app: Express) => void
  /** Mounts Latchkey. @default app.use(auth) */
  readonly mount?: (app: Express, auth: Latchkey<'spotify'>) => void
  /** The app's own routes. */
  readonly routes?: (app: Express, auth: Latchkey<'spotify'>, spotify: Spotify) => void
}

/** The emulator's endpoints as the fields of a preset. */
export function overridesOf({ presetOverrides: { userinfoEndpoint, ...overrides } }: Spotify) {
  return { ...overrides, userinfo: userinfoEndpoint }
}

/** Starts everything on free ports. */
export async function startApp(setup: AppOptions = {}): Promise<AppFixture> {
  const clock = new TestClock()
  const emulator = await startSpotify({ clock })
  const logged: LogLine[] = []
  const app = express()
  app.set('env', 'test')
  const { origin, close } = await listen(app)
  const auth = latchkey({
    baseUrl: origin,
    providers: [spotify(overridesOf(emulator))],
    clock,
    logger: recorder(logged),
    ...setup.options,
  })
  setup.before?.(app)
  if (setup.mount === undefined) app.use(auth)
  else setup.mount(app, auth)
  setup.routes?.(app, auth, emulator)
  app.use(auth.errorHandler)
  return {
    origin,
    app,
    auth,
    spotify: emulator,
    browser: new UserAgent({ clock }),
    clock,
    logged,
    close: async () => {
      await close()
      await auth.close()
      await emulator.close()
    },
  }
}

/** Listens on a free port, so that the base URL is known before the app is complete. */
export async function listen(
  listener: RequestListener,
): Promise<{ origin: string; close: () => Promise<void> }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function recorder(lines: LogLine[]): Logger {
  const at =
    (level: string): Logger['info'] =>
    ({ event }, message) => {
      lines.push({ level, event, message })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
