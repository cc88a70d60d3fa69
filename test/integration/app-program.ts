import type { Server } from 'node:http'
import type { LatchkeyOptions, NewSession } from '@latchkey/express'

/** An app that serves. */
export interface RunningApp {
  readonly server: Server
  createSession?(session: NewSession<'example'>): Promise<{ readonly cookie: string }>
  close(): Promise<void>
}

/** Options that mean the same on every framework. */
export type CommonOptions = Omit<LatchkeyOptions<'example' | 'other'>, 'onLogin'>
