import type { RegisteredClient } from './authorization-server/client.ts'
import type { IssuedTokens, TokensOptions } from './authorization-server/issued-tokens.ts'
import type { AuthorizationServer } from './authorization-server/server.ts'
import type { Behaviour, Faults } from './http/faults.ts'
import type { ReceivedRequest } from './http/received-request.ts'
import type { PresetOverrides } from './preset-overrides.ts'
import type { SecretMarks } from './secret-marks.ts'

/** A client with a secret. */
export type ConfidentialClient = RegisteredClient & { readonly clientSecret: string }

/** A server with an API: its own, or the authorization server. */
export interface ApiServer<Endpoint extends string, B extends Behaviour = Behaviour> {
  readonly origin: string
  /** Fault switches by endpoint. */
  readonly faults: Faults<Endpoint, B>
  /** Requests per endpoint, counted on arrival, failed ones too. */
  readonly calls: Readonly<Record<Endpoint, number>>
  /** The last 10,000 requests in order of arrival. */
  readonly requests: readonly ReceivedRequest[]
  close(): Promise<void>
}

/** What the emulators of providers have in common: an authorization server, an API host and a registered client. */
export abstract class ProviderEmulator<
  ApiEndpoint extends string,
  B extends Behaviour = Behaviour,
  Secret extends string | undefined = string,
> {
  /** OAuth host: state of grants, policy, faults, counters. */
  readonly as: AuthorizationServer
  /** API host: faults, counters and request log. */
  readonly api: ApiServer<ApiEndpoint, B>
  /** Id of the client that is registered from the start. */
  readonly clientId: string
  /** Its secret; `undefined` for a public client. */
  readonly clientSecret: Secret

  /** Use the `start…` function of the provider. */
  constructor(
    as: AuthorizationServer,
    api: ApiServer<ApiEndpoint, B>,
    client: { readonly clientId: string; readonly clientSecret: Secret },
  ) {
    this.as = as
    this.api = api
    this.clientId = client.clientId
    this.clientSecret = client.clientSecret
  }

  /** The real origins of the provider, and where the emulator answers for each. */
  abstract get origins(): Readonly<Record<string, string>>

  /** Client id and secret as the environment variables that an application reads. */
  abstract get environment(): Readonly<Record<string, string>>

  /** What leads a preset of this provider here, for an application that does not take a dispatcher. */
  abstract get presetOverrides(): PresetOverrides<Secret>

  /** Where the API listens. */
  get apiOrigin(): string {
    return this.api.origin
  }

  /** The secrets that were issued. */
  get marks(): SecretMarks {
    return this.as.marks
  }

  /**
   * A token set that the emulator accepts, of a user named by id or by name in any case. It belongs to the client
   * that uses it first. @throws Error that lists the users when none is meant
   */
  tokens(userName: string, options?: TokensOptions): IssuedTokens {
    return this.as.tokens(userName, options)
  }

  /** Stops both servers at once. */
  async close(): Promise<void> {
    await Promise.all([this.as.close(), this.api.close()])
  }
}
