//! The business server as a program: settings in, one line of JSON out when it listens, logs on the other stream.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use jindou_business::rules::Time;
use jindou_business::service::config::{Config, LogFormat};
use jindou_business::service::wukongim::Patience;
use jindou_business::service::{self, StartError};
use tokio::signal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let config = Config::parse();
    log_to_stderr(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("jindou-business: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jindou-business: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), StartError> {
    let running = service::start(config, Arc::new(system_time), Patience::default()).await?;
    let ready = serde_json::json!({ "url": format!("http://{}", running.address()) });
    // Whoever started us may have gone; that is no reason not to serve.
    let _ = writeln!(io::stdout(), "{ready}").and_then(|()| io::stdout().flush());
    tracing::info!(address = %running.address(), "listening");
    told_to_stop().await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

fn system_time() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Our own lines at the level that was asked for; of libraries only what they warn of, since they would print statements and addresses.
fn log_to_stderr(config: &Config) {
    let ours = Targets::new().with_default(LevelFilter::WARN).with_target("jindou_business", config.log_level);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false).with_ansi(false);
    match config.log {
        LogFormat::Plain => tracing_subscriber::registry().with(lines).with(ours).init(),
        LogFormat::Json => tracing_subscriber::registry().with(lines.json()).with(ours).init(),
    }
}

async fn told_to_stop() {
    #[cfg(unix)]
    let terminate = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        () = terminate => {}
    }
}
