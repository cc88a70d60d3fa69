import { TestClock, type TimeSource } from '../clock.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import { SecretMarks } from '../secret-marks.ts'
import { NADEO_ACCOUNTS, type NadeoAccount } from './accounts.ts'
import { type NadeoPresetOverrides, nadeoPresetOverrides } from './preset-overrides.ts'
import {
  coreRoutes,
  liveRoutes,
  type NadeoCoreEndpoint,
  type NadeoState,
  type NadeoSwitches,
} from './services.ts'
import { NadeoTokenBook } from './tokens.ts'

/** How `startNadeo` sets up the emulator. */
export interface NadeoEmulatorOptions {
  /** @default one service account and one dedicated server account */
  readonly accounts?: readonly NadeoAccount[]
  /** @default any free one */
  readonly corePort?: number
  /** @default any free one */
  readonly livePort?: number
  /** @default any free one */
  readonly meetPort?: number
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** Switches to start with. */
  readonly switches?: Partial<NadeoSwitches>
}

/** Starts Nadeo's core, live and meet hosts on three ports of 127.0.0.1. */
export async function startNadeo(options: NadeoEmulatorOptions = {}): Promise<NadeoEmulator> {
  const emulator = new NadeoEmulator(options)
  const { corePort, livePort, meetPort } = options
  await Promise.all([
    emulator.core.listen(corePort),
    emulator.live.listen(livePort),
    emulator.meet.listen(meetPort),
  ])
  return emulator
}

/** An emulated Nadeo: no OAuth server, but a login that gives a token for each audience. */
export class NadeoEmulator {
  /** Login, refresh and the core API. */
  readonly core: EmulatorServer<NadeoCoreEndpoint>
  readonly live: EmulatorServer<'api'>
  readonly meet: EmulatorServer<'api'>
  /** Set a field and the next request sees it. */
  readonly switches: NadeoSwitches
  /** The secrets that were issued. */
  readonly marks: SecretMarks
  readonly #state: NadeoState

  /** Use `startNadeo`. */
  constructor(options: NadeoEmulatorOptions) {
    const { accounts = NADEO_ACCOUNTS, clock = new TestClock(), marks = new SecretMarks() } = options
    this.marks = marks
    this.switches = {
      refreshSpendsOldToken: true,
      nullRefreshToken: false,
      needsUserAgent: false,
      requestsPerSecond: undefined,
      retryAfter: false,
      wrappedErrors: false,
      unknownAudienceStatus: 400,
      ...options.switches,
    }
    for (const { password } of accounts) marks.add('password', password)
    const tokens = new NadeoTokenBook(marks)
    const mints = { login: 0, refresh: 0 }
    this.#state = { accounts, tokens, switches: this.switches, clock, mints, recent: [] }
    this.core = new EmulatorServer({ routes: coreRoutes(this.#state), clock })
    this.live = new EmulatorServer({ routes: liveRoutes(this.#state), clock })
    this.meet = new EmulatorServer({ routes: liveRoutes(this.#state), clock })
  }

  /** Logins and refreshes that brought tokens. */
  get mints(): Readonly<Record<'login' | 'refresh', number>> {
    return this.#state.mints
  }

  /** Who can log in. */
  get accounts(): readonly NadeoAccount[] {
    return this.#state.accounts
  }

  /** The three real hosts. */
  get origins(): Readonly<Record<string, string>> {
    return {
      'https://prod.trackmania.core.nadeo.online': this.core.origin,
      'https://live-services.trackmania.nadeo.live': this.live.origin,
      'https://meet.trackmania.nadeo.club': this.meet.origin,
    }
  }

  /** Login and password of the first account, as the environment variables that an application reads. */
  get environment(): Readonly<Record<string, string>> {
    const [account] = this.accounts
    return account === undefined
      ? {}
      : { NADEO_CLIENT_ID: account.login, NADEO_CLIENT_SECRET: account.password }
  }

  /** What leads a Nadeo preset here, for an application that does not take a dispatcher. With the first account. */
  get presetOverrides(): NadeoPresetOverrides {
    return nadeoPresetOverrides(this, this.accounts[0])
  }

  /** Makes access or refresh tokens be refused: those of one account, or all. */
  endTokens(kind: 'access' | 'refresh', accountId?: string): void {
    this.#state.tokens.end(kind, accountId)
  }

  /** Stops all hosts at once. */
  async close(): Promise<void> {
    await Promise.all([this.core.close(), this.live.close(), this.meet.close()])
  }
}
