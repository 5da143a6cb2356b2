//! Rust's clients: get URL | object_store ENDPOINT BUCKET | opendal ENDPOINT BUCKET | tar FILE | tgz FILE | zip FILE |
//! write FILE | read FILE | exec PROGRAM. An error ends it with `Error: {:?}` as main's result does, or `{}` with DISPLAY=1.
use object_store::{aws::AmazonS3Builder, path::Path, ClientOptions, ObjectStore, RetryConfig};
use std::{error::Error, fs::File, io::Write, time::Duration};

type Outcome = Result<(), Box<dyn Error>>;
const LIMIT: Duration = Duration::from_secs(3);

async fn get(url: &str) -> Outcome {
    let client = reqwest::Client::builder().timeout(LIMIT).build()?;
    client.get(url).send().await?.error_for_status()?.bytes().await?;
    Ok(())
}

async fn with_object_store(endpoint: &str, bucket: &str) -> Outcome {
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint).with_bucket_name(bucket).with_region("us-east-1").with_allow_http(true)
        .with_access_key_id("key").with_secret_access_key("word")
        .with_client_options(ClientOptions::new().with_timeout(LIMIT).with_allow_http(true))
        .with_retry(RetryConfig { max_retries: 1, retry_timeout: LIMIT, ..Default::default() })
        .build()?;
    store.get(&Path::from("model")).await?.bytes().await?;
    Ok(())
}

async fn with_opendal(endpoint: &str, bucket: &str) -> Outcome {
    let service = opendal::services::S3::default()
        .endpoint(endpoint).bucket(bucket).region("us-east-1").access_key_id("key").secret_access_key("word");
    opendal::Operator::new(service)?.finish().read("model").await?;
    Ok(())
}

fn write(file: &str) -> Outcome {
    let mut target = File::options().write(true).create(true).open(file)?;
    loop {
        target.write_all(&[0; 65536])?;
    }
}

async fn run(given: &[String]) -> Outcome {
    match given[0].as_str() {
        "get" => get(&given[1]).await,
        "object_store" => with_object_store(&given[1], &given[2]).await,
        "opendal" => with_opendal(&given[1], &given[2]).await,
        "tar" => Ok(tar::Archive::new(File::open(&given[1])?).unpack("/tmp/unpacked")?),
        "tgz" => Ok(tar::Archive::new(flate2::read::GzDecoder::new(File::open(&given[1])?)).unpack("/tmp/unpacked")?),
        "zip" => Ok(zip::ZipArchive::new(File::open(&given[1])?)?.extract("/tmp/unpacked")?),
        "write" => write(&given[1]),
        "read" => Ok(std::fs::read(&given[1]).map(|_| ())?),
        _ => Ok(std::process::Command::new(&given[1]).status().map(|_| ())?),
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let outcome = run(&given).await;
    if let (Err(error), Ok(_)) = (&outcome, std::env::var("DISPLAY")) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
    outcome
}
