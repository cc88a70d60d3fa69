import { randomInt } from 'node:crypto'
import type { SecretMarks } from '../secret-marks.ts'
import type { DevicePollError, Policy } from './policy.ts'

/** One device that waits for a person. */
export interface PendingDevice {
  readonly clientId: string
  readonly scope: readonly string[]
  /** Absent: none was named. */
  readonly audience: string | undefined
  readonly deviceCode: string
  /** What the person types, such as `WDJB-MJHT`. */
  readonly userCode: string
  /** Epoch seconds. */
  readonly expiresAt: number
  /** Seconds between two polls; more after each one that came too early. */
  intervalSeconds: number
  polledAt?: number
  /** Who agreed, or that somebody said no. */
  decision?: { readonly userId: string; readonly at: number } | 'denied'
  /** Tokens were issued, or the client was told that it is too late. */
  spent: boolean
}

/** What a poll brought. */
export type PolledDevice =
  | { readonly device: PendingDevice; readonly userId: string; readonly authorizedAt: number }
  | { readonly error: DevicePollError }

/** No vowels and no digits, as RFC 8628 §6.1 proposes. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
/** Clocks with fractions are never exact. */
const TOLERANCE_SECONDS = 0.05

/** Every pending device of a server and the rules of polling. */
export class DeviceCodes {
  readonly #devices = new Map<string, PendingDevice>()
  readonly #policy: Policy
  readonly #marks: SecretMarks
  readonly #now: () => number

  /** `now` gives epoch seconds. */
  constructor(policy: Policy, marks: SecretMarks, now: () => number) {
    this.#policy = policy
    this.#marks = marks
    this.#now = now
  }

  /** A new device that waits. */
  open(asked: Pick<PendingDevice, 'clientId' | 'scope' | 'audience'>): PendingDevice {
    const device: PendingDevice = {
      ...asked,
      deviceCode: this.#marks.mint('device_code', 'dc_'),
      userCode: `${fourLetters()}-${fourLetters()}`,
      expiresAt: this.#now() + this.#policy.deviceCodeLifetimeSeconds,
      intervalSeconds: this.#policy.deviceIntervalSeconds ?? 5,
      spent: false,
    }
    this.#devices.set(device.deviceCode, device)
    return device
  }

  /** The device that shows this user code, however it is typed; absent when there is none that still waits. */
  byUserCode(userCode: string): PendingDevice | undefined {
    const typed = letters(userCode)
    const found = [...this.#devices.values()].find((device) => letters(device.userCode) === typed)
    const waits = found !== undefined && found.decision === undefined && this.#now() < found.expiresAt
    return waits ? found : undefined
  }

  /** The person agrees (`userId`) or says no. @throws Error when no device waits with this code */
  decide(userCode: string, userId: string | undefined): void {
    const device = this.byUserCode(userCode)
    if (device === undefined) throw new Error(`No device waits with the code ${userCode}`)
    device.decision = userId === undefined ? 'denied' : { userId, at: this.#now() }
  }

  /** What the device is told when it asks for its tokens. A device code brings tokens once. */
  poll(deviceCode: string, clientId: string): PolledDevice {
    const device = this.#devices.get(deviceCode)
    if (device === undefined || device.clientId !== clientId || device.spent)
      return { error: 'invalid_grant' }
    const now = this.#now()
    const tooEarly = now - (device.polledAt ?? -Infinity) < device.intervalSeconds - TOLERANCE_SECONDS
    device.polledAt = now
    if (now >= device.expiresAt) {
      device.spent = this.#policy.deviceExpiredOnce
      return { error: 'expired_token' }
    }
    if (tooEarly) {
      device.intervalSeconds += this.#policy.deviceSlowDownSeconds
      return { error: 'slow_down' }
    }
    const { decision } = device
    if (decision === undefined) return { error: 'authorization_pending' }
    if (decision === 'denied') return { error: 'access_denied' }
    device.spent = true
    return { device, userId: decision.userId, authorizedAt: decision.at }
  }
}

function fourLetters(): string {
  return Array.from({ length: 4 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join('')
}

function letters(userCode: string): string {
  return userCode.toUpperCase().replace(/[^A-Z]/g, '')
}
