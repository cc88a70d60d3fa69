/** The fields of a client's provider preset that lead it to an emulator instead of the real hosts. */
export interface PresetOverrides {
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly userinfoEndpoint: string
  /** Origins that may get the access token. */
  readonly resourceOrigins: readonly string[]
  readonly clientId: string
  readonly clientSecret: string
}
