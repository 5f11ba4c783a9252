//! The program `sdnet`; see [`sdnet::cli`].

fn main() -> std::process::ExitCode {
    sdnet::cli::main()
}
