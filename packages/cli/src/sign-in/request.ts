import type { RequestParams, TokenResponse } from '@latchkey/core'
import type { OpenBrowser } from './browser.ts'
import type { LoopbackOptions } from './loopback.ts'
import type { Terminal } from './terminal.ts'

/** How a person signs in. */
export type SignInWay = 'loopback' | 'device' | 'console'

/** What a person has to do now. */
export type Prompt =
  | {
      readonly via: 'loopback' | 'console'
      /** To be visited. */
      readonly url: string
      /** The browser was asked to open it. */
      readonly isOpened: boolean
    }
  | {
      readonly via: 'device'
      /** To be entered there, and compared where the address has it already. */
      readonly userCode: string
      readonly verificationUri: string
      readonly verificationUriComplete: string | undefined
      /** Epoch seconds. */
      readonly expiresAt: number
      /** The better of the two addresses, for a QR code. */
      readonly url: string
      readonly isOpened: boolean
    }

/** What is said in the terminal; `{url}` and `{code}` are filled in. */
export interface PromptTexts {
  readonly visit: string
  readonly paste: string
  readonly device: string
}

/** The texts that hold unless others are given. */
export const promptTexts: PromptTexts = {
  visit: 'Sign in at this address:\n\n  {url}\n',
  paste: 'Paste the address that the browser ends at (or the code in it): ',
  device:
    'Sign in at {url}\nwith the code {code}\n\nGo on only if you began this yourself: whoever enters a code that somebody else sent signs that somebody in.',
}

/** One sign-in, with every default filled in. */
export interface SignInRequest {
  readonly scope: readonly string[]
  readonly audience: string | undefined
  readonly params: RequestParams
  readonly signal: AbortSignal
  readonly loopback: LoopbackOptions
  readonly consoleRedirectUri: string
  readonly texts: PromptTexts
  readonly terminal: Terminal
  readonly openBrowser: OpenBrowser
  readonly onPrompt: (prompt: Prompt) => void
}

/** What becomes of the tokens that an exchange brings; before it is done nobody is told that it has worked. */
export type Keep<Kept> = (exchange: Promise<TokenResponse>) => Promise<Kept>
